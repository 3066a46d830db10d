"""The `helios` command, which chunk commands call; also useful by itself.

Only this module's own needs are imported at its head, so that `--help` is quick.
"""

import asyncio
import json
import math
import sys
from collections.abc import Coroutine
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from helios.contract.frame_rate import frame_rate
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.errors import EXIT_INTERRUPTED, HeliosError, OptionInvalid, report
from helios.process.stop_signals import call_on_stop

if TYPE_CHECKING:
    from helios.renderer.page import PageOptions
    from helios.renderer.render import RenderRequest

app = typer.Typer(
    name="helios",
    help="Render frames of an HTML composition, and join what was rendered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Input = Annotated[str, typer.Argument(help="An HTML file, a folder with index.html, or a URL.")]
Width = Annotated[int, typer.Option(help="Width of the page in CSS pixels.")]
Height = Annotated[int, typer.Option(help="Height of the page in CSS pixels.")]
Fps = Annotated[str, typer.Option(help="Frames per second: 30, 29.97, 30000/1001.")]
Props = Annotated[
    str, typer.Option(help="JSON object (or @file.json) for window.__HELIOS_PROPS__.")
]
Seed = Annotated[int, typer.Option(help="What Math.random starts from.")]
TimeZone = Annotated[str, typer.Option("--timezone", help="Time zone of the page: Europe/Paris.")]
Locale = Annotated[str, typer.Option(help="Language tag of the page: en-US, de.")]
Scale = Annotated[float, typer.Option(help="Output pixels per CSS pixel.")]
Transparent = Annotated[bool, typer.Option("--transparent", help="Keep the page's transparency.")]
Replay = Annotated[
    bool | None,
    typer.Option(
        "--replay/--no-replay",
        help="Run every frame from 0 on first, for pages that build on their own last frame.",
        show_default="what the page declares",
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Go on when a file of the page isn't there.")
]
Timeout = Annotated[float, typer.Option(help="Seconds that the page gets to load, and each frame.")]
JpegQuality = Annotated[int, typer.Option(min=1, max=100, help="Quality of captured frames.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what the page logs.")]


@app.command()
def render(
    source: Input,
    output: Annotated[Path, typer.Option("--output", "-o", help="File, or folder for images.")],
    start_frame: Annotated[int, typer.Option(help="First frame of the range.")] = 0,
    frame_count: Annotated[int | None, typer.Option(help="Frames in the range.")] = None,
    duration: Annotated[
        float | None, typer.Option(help="Seconds, in place of --frame-count.")
    ] = None,
    width: Width = 1920,
    height: Height = 1080,
    fps: Fps = "30",
    quality: Annotated[
        int | None, typer.Option(help="Constant rate factor; 0 is lossless H.264.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Encoder speed.")] = "veryfast",
    video_codec: Annotated[
        str | None,
        typer.Option(
            help="h264, h265, vp9, av1, prores, gif, png, jpeg.", show_default="by file name"
        ),
    ] = None,
    audio_codec: Annotated[
        str | None, typer.Option(help="ffmpeg's name.", show_default="by file name")
    ] = None,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")] = False,
    jpeg_quality: JpegQuality = 90,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    concurrency: Annotated[int, typer.Option(help="Browsers side by side.")] = 1,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
    verbose: Verbose = False,
    reads: Annotated[
        Path | None,
        typer.Option(
            help="JSON file that notes what was read for the pictures, with digests.",
            show_default="none",
        ),
    ] = None,
    boundary_frames: Annotated[
        Path | None,
        typer.Option(
            envvar="HELIOS_BOUNDARY_FRAMES",
            help="File for the pictures at a video's ends, by which seams are proven.",
            show_default="none",
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="canvas reads a page that is one 2D canvas directly; dom photographs every page."
        ),
    ] = "canvas",
    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Draw and photograph every frame from 0 on, losslessly. Slow: to compare with.",
        ),
    ] = False,
    no_headless: Annotated[bool, typer.Option("--no-headless", hidden=True)] = False,  # noqa: ARG001
) -> None:
    """Render a range of frames to a video, a GIF or a sequence of images."""
    if mode not in ("canvas", "dom"):
        _fail(OptionInvalid(f"mode {mode!r}: must be canvas or dom"))

    async def work() -> None:
        from dataclasses import replace

        from helios.output import check_writable
        from helios.renderer.boundary_log import BoundaryLog
        from helios.renderer.codecs import VideoEncoding, choose_codec
        from helios.renderer.composition import Composition
        from helios.renderer.read_log import ReadLog
        from helios.renderer.render import RenderRequest

        for note in filter(None, (reads, boundary_frames)):
            check_writable(note)
        log = None if reads is None else ReadLog()
        boundary = None if boundary_frames is None else BoundaryLog()
        composition = Composition.find(source)
        rate = frame_rate(fps)
        page = replace(
            _page_options(
                width=width,
                height=height,
                rate=rate,
                scale=scale,
                transparent=transparent,
                seed=seed,
                props=props,
                time_zone=time_zone,
                locale=locale,
                allow_missing=allow_missing,
                timeout=timeout,
            ),
            direct=mode == "canvas",
            reference=reference,
        )
        count = _frame_count(frame_count, duration, rate)
        if count is None:
            count = await _declared_frames(source, page, start_frame)
        codec = choose_codec(output, video_codec)
        request = RenderRequest(
            composition=composition,
            output=output,
            page=page,
            encoding=VideoEncoding(codec=codec, crf=quality, preset=preset),
            start_frame=start_frame,
            frame_count=count,
            jpeg_quality=jpeg_quality,
            concurrency=concurrency,
            replay=replay,
            audio_codec=None if no_audio else audio_codec or "",
            reads=log,
            boundary=None if codec.images else boundary,
        )
        await _render(request, verbose=verbose)
        if boundary_frames is not None and boundary is not None:
            await boundary.save(
                boundary_frames, output=output, start_frame=start_frame, frame_count=count
            )
        if reads is not None and log is not None:
            (await log.reads_for(output)).save(reads)

    _run(work())


@app.command()
def still(
    source: Input,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png or .jpg file.")],
    frame: Annotated[int, typer.Option(help="Which frame, counted from 0.")] = 0,
    width: Width = 1920,
    height: Height = 1080,
    fps: Fps = "30",
    jpeg_quality: JpegQuality = 90,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
    verbose: Verbose = False,
) -> None:
    """Render one frame to an image."""

    async def work() -> None:
        from helios.renderer import render as renderer
        from helios.renderer.codecs import check_size, choose_codec
        from helios.renderer.composition import Composition
        from helios.renderer.page import ImageFormat

        codec = choose_codec(output, None)
        if not codec.images or not output.suffix:
            raise OptionInvalid(f"output {output.name!r}: a still is a .png, .jpg or .jpeg file")
        if frame < 0:
            raise OptionInvalid(f"frame {frame}: frames are counted from 0")
        if transparent and not codec.alpha:
            raise OptionInvalid("transparent: JPEG holds no transparency", hint="Use .png.")
        check_size(width, height, scale, codec)
        await renderer.still(
            Composition.find(source),
            output,
            page=_page_options(
                width=width,
                height=height,
                rate=frame_rate(fps),
                scale=scale,
                transparent=transparent,
                seed=seed,
                props=props,
                time_zone=time_zone,
                locale=locale,
                allow_missing=allow_missing,
                timeout=timeout,
            ),
            frame=frame,
            image=ImageFormat(codec.name, jpeg_quality),
            replay=replay,
            log=_page_log(verbose=verbose),
        )

    _run(work())


@app.command()
def merge(
    output: Annotated[Path, typer.Argument(help="The video to write.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Chunk outputs in their order; without any, the sound alone is written.",
            show_default=False,
        ),
    ] = None,
    video_codec: Annotated[
        str | None, typer.Option(help="Encode the video anew.", show_default="copied")
    ] = None,
    audio_codec: Annotated[
        str | None, typer.Option(help="Encode the sound anew.", show_default="copied")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="Constant rate factor.")] = None,
    preset: Annotated[str | None, typer.Option(help="Encoder speed.")] = None,
    audio: Annotated[
        Path | None, typer.Option(help="An encoded sound file to join with the picture.")
    ] = None,
    audio_from: Annotated[
        str | None,
        typer.Option(help="A composition whose whole sound is mixed and joined."),
    ] = None,
    frame_count: Annotated[
        int | None, typer.Option(help="Frames of the whole, with --audio-from.")
    ] = None,
    fps: Fps = "30",
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
) -> None:
    """Join chunk outputs into one video, without encoding them again unless asked to."""

    async def work() -> None:
        import tempfile

        from helios.output import check_writable, whole_output
        from helios.stitcher.ffmpeg import FfmpegStitcher, MergeEncoding

        async def stitch(audio: Path | None, audio_codec: str | None) -> None:
            encode = MergeEncoding(
                video_codec=video_codec, audio_codec=audio_codec, quality=quality, preset=preset
            )
            await FfmpegStitcher(audio=audio, encode=encode).stitch(inputs or [], output)

        if audio_from is None:
            await stitch(audio, audio_codec)
            return
        from helios.renderer.composition import Composition
        from helios.renderer.sound import mix_composition
        from helios.stitcher.chunk_audio import encode_audio

        if frame_count is None:
            raise OptionInvalid("--audio-from: give --frame-count as well")
        rate = frame_rate(fps)
        page = _page_options(
            width=640,
            height=360,
            rate=rate,
            seed=seed,
            props=props,
            time_zone=time_zone,
            locale=locale,
            allow_missing=allow_missing,
            timeout=timeout,
        )
        check_writable(output)
        with tempfile.TemporaryDirectory(prefix="helios-sound-") as scratch:
            sound = Path(scratch, "sound.mov")
            found = await mix_composition(
                Composition.find(audio_from),
                page,
                frame_count=frame_count,
                output=sound,
                codec=audio_codec or "aac",
                replay=replay,
            )
            if inputs:
                await stitch(sound if found else None, None)
            elif found:
                with whole_output(output) as folder:
                    alone = folder / output.name
                    await encode_audio(sound, codec="copy", output=alone)
                    alone.replace(folder / "whole")

    _run(work())


@app.command()
def inspect(
    source: Input,
    fps: Fps = "30",
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    timeout: Timeout = 30.0,
) -> None:
    """Print what a composition declares, as JSON: duration in seconds, replay, sounds."""

    async def work() -> None:
        from helios.renderer.composition import Composition
        from helios.renderer.inspect import inspect as look

        page = _page_options(
            width=1920,
            height=1080,
            rate=frame_rate(fps),
            seed=seed,
            props=props,
            time_zone=time_zone,
            locale=locale,
            allow_missing=True,
            timeout=timeout,
        )
        facts = await look(Composition.find(source), page)
        print(json.dumps(facts.as_json(), indent=2))

    _run(work())


def main() -> None:
    """Run the command line."""
    app()


async def _render(request: "RenderRequest", *, verbose: bool) -> None:
    from helios.renderer.progress import show_progress
    from helios.renderer.render import render as render_frames

    with show_progress(request.frame_count) as progress:
        result = await render_frames(request, on_progress=progress, log=_page_log(verbose=verbose))
    rate = result.frames / max(result.frame_seconds, 1e-9)
    print(
        f"{request.output}: {result.frames} frames, {rate:.1f} frames/s"
        f" ({result.start_seconds:.1f} s to start)",
        file=sys.stderr,
    )


def _page_options(
    *, props: str, time_zone: str, locale: str, timeout: float, **settings: Any
) -> "PageOptions":
    from helios.contract import localization
    from helios.renderer.page import PageOptions
    from helios.renderer.props import read_props

    if not (math.isfinite(timeout) and timeout > 0):
        raise OptionInvalid(f"timeout {timeout:g}: must be more than 0 seconds")
    return PageOptions(
        props=read_props(props),
        time_zone=localization.time_zone(time_zone),
        locale=localization.locale(locale),
        load_timeout=timeout,
        settle_timeout=timeout,
        **settings,
    )


def _frame_count(frames: int | None, duration: float | None, rate: Fraction) -> int | None:
    if frames is not None or duration is None:
        return frames
    if not math.isfinite(duration):
        raise OptionInvalid(f"duration {duration}: must be a number of seconds")
    return round(Fraction(str(duration)) * rate)


async def _declared_frames(source: str, page: "PageOptions", start_frame: int) -> int:
    from helios.renderer.composition import Composition
    from helios.renderer.inspect import inspect as look

    facts = await look(Composition.find(source), page)
    return facts.frames(page.rate) - start_frame


def _page_log(*, verbose: bool) -> Any:
    from helios.contract.page_message import PROBLEMS, PageMessage

    def log(frame: int | None, level: str, text: str) -> None:
        if verbose or level in PROBLEMS:
            print(PageMessage(frame=frame, level=level, text=text), file=sys.stderr)

    return log


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end: an error is told in one place, Ctrl-C and TERM clean up."""

    async def until_stopped() -> None:
        task = asyncio.current_task()
        if task is not None:
            call_on_stop(task.cancel)
        await work

    try:
        asyncio.run(until_stopped())
    except HeliosError as error:
        _fail(error)
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; nothing half-written is left", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _fail(error: HeliosError) -> NoReturn:
    print(report(error), file=sys.stderr)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
