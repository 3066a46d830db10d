"""Each setting of a render with its type, default and meaning: for the API and for flags."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from annotated_types import Ge, Interval

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE

Quality = Literal["draft", "standard", "high"]
SeamCheck = Literal["heal", "warn", "off"]
StitchChoice = Literal["auto", "local", "worker", "server"]
Positive = Annotated[float, Interval(gt=0, lt=inf)]


@dataclass(frozen=True, slots=True)
class Setting:
    """Describes a setting.

    Attributes:
        help: Its meaning.
        default: Description of its default, where that isn't a value.
        flag: Its flag, `--on/--off` where there are two; by default named as it is.
        metavar: Placeholder of its value in `--help`.
    """

    help: str
    default: str | None = None
    flag: str = ""
    metavar: str | None = None


@dataclass(frozen=True, kw_only=True)
class RenderFields:
    """The settings of a render: keywords of `render` and `submit`, and flags of the CLI."""

    duration: Annotated[float | None, Setting("Length in seconds.", "declared by the page")] = None
    frames: Annotated[int | None, Setting("Length in frames, in place of seconds.")] = None
    fps: Annotated[
        float | str | Fraction | None,
        Setting("Frames per second: 30, 29.97, 30000/1001.", "declared by the page, else 30"),
    ] = None
    width: Annotated[
        int | None,
        Setting("Width of the page in CSS pixels.", "declared by the page, else 1920"),
    ] = None
    height: Annotated[
        int | None,
        Setting("Height of the page in CSS pixels.", "declared by the page, else 1080"),
    ] = None
    size: Annotated[
        tuple[int, int] | None,
        Setting("Width and height, in place of both.", flag="--width and --height"),
    ] = None
    root: Annotated[
        str | None,
        Setting(
            "Folder to serve, which holds the page.",
            "that of the page, or one above it in its project",
        ),
    ] = None
    dialect: Annotated[
        str | None,
        Setting(
            "System of the page: html, helios, hyperframes, remotion, lottie, svg, image.",
            "recognised from the page",
        ),
    ] = None
    composition_id: Annotated[
        str | None,
        Setting(
            "Id of the composition to show, of a file that holds several.",
            "the first; of a Remotion bundle, the only one",
            flag="--composition",
        ),
    ] = None
    scale: Annotated[float, Setting("Output pixels per CSS pixel.")] = 1.0
    props: Annotated[
        Mapping[str, Any] | str,
        Setting(
            "window.__HELIOS_PROPS__: a JSON object or @file.json; for the API also a mapping."
        ),
    ] = "{}"
    seed: Annotated[int, Setting("Seed of Math.random.")] = 0
    timezone: Annotated[str, Setting("Time zone of the page: Europe/Paris.")] = DEFAULT_TIME_ZONE
    locale: Annotated[str, Setting("Language tag of the page: en-US, de.")] = DEFAULT_LOCALE
    replay: Annotated[
        bool | None,
        Setting(
            "Run every frame from 0 on first, for pages that depend on earlier frames.",
            "declared by the page",
            flag="--replay/--no-replay",
        ),
    ] = None
    transparent: Annotated[bool, Setting("Keep transparency.")] = False
    allow_missing: Annotated[bool, Setting("Continue if a file of the page is missing.")] = False
    timeout: Annotated[
        float | None, Setting("Seconds for the page to load, and for each frame.")
    ] = None
    reference: Annotated[
        bool,
        Setting("Draw and capture every frame, losslessly, in one chunk: slow, to compare with."),
    ] = False
    codec: Annotated[
        str | None, Setting("h264, h265, vp9, av1, prores, gif, png, jpeg.", "by file name")
    ] = None
    quality: Annotated[
        Quality, Setting("Decides on crf, preset and JPEG quality.", metavar="draft|standard|high")
    ] = "standard"
    crf: Annotated[int | None, Setting("Constant rate factor.", "by --quality")] = None
    preset: Annotated[str | None, Setting("Speed of H.264 and H.265.", "by --quality")] = None
    jpeg_quality: Annotated[
        Annotated[int, Interval(ge=1, le=100)] | None,
        Setting("Quality of captured frames, from 1 to 100.", "by --quality"),
    ] = None
    format: Annotated[
        Literal["hls"] | None,
        Setting("hls: a playlist (.m3u8) that grows while chunks are rendered.", "by file name"),
    ] = None
    audio: Annotated[bool, Setting("Render the sound.", flag="--audio/--no-audio")] = True
    chunks: Annotated[int | None, Setting("Number of chunks.", "by length and concurrency")] = None
    frames_per_chunk: Annotated[int | None, Setting("Frames per chunk, instead.")] = None
    concurrency: Annotated[
        Annotated[int, Ge(1)] | None,
        Setting("Chunks at the same time.", "by cores and memory; 100 remote ones"),
    ] = None
    retries: Annotated[Annotated[int, Ge(0)], Setting("Retries of a failed chunk.")] = 2
    retry_delay: Annotated[
        Annotated[float, Interval(ge=0, lt=inf)],
        Setting("Maximum seconds before the first retry; doubled for each further one."),
    ] = 1.0
    chunk_timeout: Annotated[
        Positive | None, Setting("Maximum seconds of an attempt.", "no limit")
    ] = None
    backups: Annotated[
        bool | None,
        Setting(
            "Send a chunk that takes much longer than the others to a second worker, too.",
            "for remote chunks",
            flag="--backups/--no-backups",
        ),
    ] = None
    seam_check: Annotated[
        SeamCheck,
        Setting(
            "If two chunks draw one frame differently: heal renders with --replay again.",
            metavar="off|warn|heal",
        ),
    ] = "heal"
    merge: Annotated[bool, Setting("Stitch the chunks.", flag="--merge/--no-merge")] = True
    only_chunks: Annotated[
        list[int] | None, Setting("Only this chunk; repeatable.", flag="--chunk", metavar="ID")
    ] = None
    resume: Annotated[bool, Setting("Keep existing chunks that are intact.")] = False
    incremental: Annotated[
        bool, Setting("Keep the chunks of the last such render that would be the same.")
    ] = False
    max_cost: Annotated[
        Positive | None,
        Setting(
            "Maximum cost of the job in US dollars, by list prices.", "no limit", metavar="USD"
        ),
    ] = None
    deadline: Annotated[
        float | str | None,
        Setting(
            "Maximum time for rendering and stitching: 90s, 30m, 1h30m.",
            "no limit",
            metavar="DURATION",
        ),
    ] = None
    stitch: Annotated[
        StitchChoice,
        Setting(
            "Where remote chunks are stitched: local, worker, server (the storage), auto.",
            metavar="WHERE",
        ),
    ] = "auto"
    presign: Annotated[
        Positive | None,
        Setting("Print a link to the video in storage, valid so long.", metavar="SECONDS"),
    ] = None
    job_dir: Annotated[
        Path | None, Setting("Folder for the spec and the chunks.", "OUTPUT.job, beside it")
    ] = None
    keep: Annotated[bool, Setting("Keep the job's folder after success.")] = False
    webhook: Annotated[
        str | None,
        Setting(
            "Send the outcome to this URL, signed with HELIOS_WEBHOOK_SECRET.",
            "none",
            metavar="URL",
        ),
    ] = None
    webhook_progress: Annotated[
        Positive | None,
        Setting("Also send progress, at most once in this time.", metavar="SECONDS"),
    ] = None
    webhook_link: Annotated[
        float | str | None,
        Setting(
            "Also send a link to the video in storage, valid for this time.", metavar="DURATION"
        ),
    ] = None
    job_store: Annotated[
        str | None,
        Setting(
            "Job store: a folder, s3://bucket/prefix, gs://..., or none.",
            "HELIOS_JOBS, else ~/.local/state/helios/jobs",
            flag="--jobs",
            metavar="WHERE",
        ),
    ] = None


#: The descriptions of the settings, the types of their values, and their defaults, by name.
SETTINGS: dict[str, Setting] = {}
TYPES: dict[str, Any] = get_type_hints(RenderFields)
DEFAULTS = {field.name: field.default for field in fields(RenderFields)}
for _name, _hint in get_type_hints(RenderFields, include_extras=True).items():
    (_found,) = (each for each in _hint.__metadata__ if isinstance(each, Setting))
    SETTINGS[_name] = replace(_found, flag=_found.flag or f"--{_name.replace('_', '-')}")


def flag_of(name: str, value: object = None) -> str:
    """Return the flag of a setting; of a pair of flags, the one for the value."""
    on, _, off = SETTINGS[name].flag.partition("/")
    return off if value is False and off else on


def flags_of(values: Mapping[str, Any]) -> list[str]:
    """Return the arguments of a command line that give settings these values."""
    words: list[str] = []
    for name, value in values.items():
        if isinstance(value, bool):
            # A flag without a counterpart can only be left out.
            words += [flag_of(name, value)] if value or "/" in SETTINGS[name].flag else []
        elif name == "size" and value:
            words += flags_of({"width": value[0], "height": value[1]})
        elif isinstance(value, Mapping):
            words += [flag_of(name), json.dumps(value, ensure_ascii=False)]
        elif value is not None:
            for each in value if isinstance(value, list) else [value]:
                words += [flag_of(name), str(each)]
    return words
