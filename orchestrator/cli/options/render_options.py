"""Flags that describe a render: timeline, picture, sound, encoding and chunks."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Keywords


@dataclass(frozen=True, kw_only=True)
class Timing(Keywords):
    """Length and rate of the timeline."""

    heading = flags.TIMING

    duration: Annotated[
        float | None, typer.Option(help="Seconds.", show_default="declared by the page")
    ] = None
    frames: Annotated[int | None, typer.Option(help="Frames, in place of --duration.")] = None
    fps: flags.Fps = None


@dataclass(frozen=True, kw_only=True)
class Sound(Keywords):
    """Whether the sound is rendered."""

    heading = flags.SOUND

    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")] = False

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        return {"audio": not self.no_audio}


@dataclass(frozen=True, kw_only=True)
class Page(Keywords):
    """The page, and its picture."""

    heading = flags.PICTURE

    width: Annotated[
        int | None,
        typer.Option(
            help="Width of the page in CSS pixels.", show_default="declared by the page, else 1920"
        ),
    ] = None
    height: Annotated[
        int | None,
        typer.Option(
            help="Height of the page in CSS pixels.", show_default="declared by the page, else 1080"
        ),
    ] = None
    dialect: Annotated[
        str | None,
        typer.Option(
            help="System that the page is written for: html, hyperframes.",
            show_default="recognised from the page",
        ),
    ] = None
    scale: Annotated[float, typer.Option(help="Output pixels per CSS pixel.")] = 1.0
    props: Annotated[
        str, typer.Option(help="JSON object or @file.json: window.__HELIOS_PROPS__.")
    ] = "{}"
    seed: Annotated[int, typer.Option(help="Seed of Math.random.")] = 0
    timezone: Annotated[
        str, typer.Option("--timezone", help="Time zone of the page: Europe/Paris.")
    ] = DEFAULT_TIME_ZONE
    locale: Annotated[str, typer.Option(help="Language tag of the page: en-US, de.")] = (
        DEFAULT_LOCALE
    )
    replay: Annotated[
        bool | None,
        typer.Option(
            "--replay/--no-replay",
            help="Run every frame from 0 on first, for pages that depend on earlier frames.",
            show_default="declared by the page",
        ),
    ] = None
    transparent: Annotated[bool, typer.Option("--transparent", help="Keep transparency.")] = False
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Continue if a file of the page is missing.")
    ] = False
    timeout: Annotated[
        float | None, typer.Option(help="Seconds for the page to load, and for each frame.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Picture(Page):
    """The page, and how its frames are drawn."""

    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Draw and capture every frame, losslessly, in one chunk: slow, to compare with.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Encoding(Keywords):
    """The encoding of frames."""

    heading = flags.ENCODING

    codec: Annotated[
        str | None,
        typer.Option(
            "--codec",
            help="h264, h265, vp9, av1, prores, gif, png, jpeg.",
            show_default="by file name",
        ),
    ] = None
    quality: Annotated[
        str,
        typer.Option(
            metavar="draft|standard|high",
            help="Decides on the next three.",
        ),
    ] = "standard"
    crf: Annotated[
        int | None, typer.Option(help="Constant rate factor.", show_default="by --quality")
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help="Speed of H.264 and H.265.", show_default="by --quality"),
    ] = None
    jpeg_quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Of frames.", show_default="by --quality"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Cut(Keywords):
    """The number of chunks."""

    heading = flags.CHUNKS

    chunks: Annotated[
        int | None, typer.Option(help="Number of chunks.", show_default="by length and concurrency")
    ] = None
    frames_per_chunk: Annotated[int | None, typer.Option(help="Frames per chunk, instead.")] = None


@dataclass(frozen=True, kw_only=True)
class Seams(Keywords):
    """The check of seams."""

    heading = flags.CHUNKS

    seam_check: Annotated[
        str,
        typer.Option(
            metavar="off|warn|heal",
            help="If two chunks draw one frame differently: heal renders with --replay again.",
        ),
    ] = "heal"
