"""`helios render`: a range of frames to a video, a GIF or images."""

import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from helios.cli.command_parser import Flag
from helios.cli.page_flags import (
    AllowMissing,
    CompositionId,
    Dialect,
    Fps,
    Height,
    Input,
    JpegQuality,
    Locale,
    Props,
    Replay,
    Root,
    Scale,
    Seed,
    Timeout,
    TimeZone,
    Transparent,
    Verbose,
    Width,
    page_log,
    page_options,
)
from helios.cli.run import run
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.errors import OptionInvalid

if TYPE_CHECKING:
    from helios.renderer.composition import Composition
    from helios.renderer.page import PageOptions
    from helios.renderer.render_request import RenderRequest


def render(
    source: Input,
    output: Annotated[Path, Flag("File, or folder for images.", ("--output", "-o"))],
    start_frame: Annotated[int, Flag("First frame of the range.")] = 0,
    frame_count: Annotated[int | None, Flag("Frames in the range.")] = None,
    duration: Annotated[float | None, Flag("Seconds, in place of --frame-count.")] = None,
    width: Width = None,
    height: Height = None,
    fps: Fps = None,
    root: Root = None,
    dialect: Dialect = None,
    composition_id: CompositionId = None,
    quality: Annotated[int | None, Flag("Constant rate factor; 0 is lossless H.264.")] = None,
    preset: Annotated[
        str | None,
        Flag("Speed of H.264 and H.265.", default="tuned for speed and size"),
    ] = None,
    video_codec: Annotated[
        str | None,
        Flag("h264, h265, vp9, av1, prores, gif, png, jpeg.", default="by file name"),
    ] = None,
    audio_codec: Annotated[str | None, Flag("ffmpeg's name.", default="by file name")] = None,
    no_audio: Annotated[bool, Flag("Render without audio.")] = False,
    jpeg_quality: JpegQuality = 90,
    scale: Scale = 1.0,
    transparent: Transparent = False,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    concurrency: Annotated[int, Flag("Browsers that render at the same time.")] = 1,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
    verbose: Verbose = False,
    input_manifest: Annotated[
        Path | None,
        Flag(
            "JSON file to write with the digests of all files that the pictures depend on.",
            default="none",
        ),
    ] = None,
    boundary_frames: Annotated[
        Path | None,
        Flag(
            "File to write with the frames at the video's ends, for the seam check.",
            variable="HELIOS_BOUNDARY_FRAMES",
            default="none",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        Flag(
            "Folder to write with the times of frames, and small pictures of some.",
            variable="HELIOS_TRACE",
            default="none",
        ),
    ] = None,
    mode: Annotated[
        str | None,
        Flag(
            "canvas shows the page's first canvas alone; dom captures the page, also one that is a"
            " single canvas.",
            default="the page, read from the canvas where it is one",
        ),
    ] = None,
    reference: Annotated[
        bool,
        Flag(
            "Draw and capture every frame from 0 on, losslessly. Slow; for comparisons.",
        ),
    ] = False,
    no_headless: Annotated[bool, Flag(hidden=True)] = False,  # noqa: ARG001
) -> None:
    """Render a range of frames to a video, a GIF or a sequence of images."""

    async def work() -> None:
        from helios.output import check_writable
        from helios.renderer.composition import Composition
        from helios.renderer.encoding.codecs import VideoEncoding, choose_codec
        from helios.renderer.recorders.boundary_recorder import BoundaryRecorder
        from helios.renderer.recorders.input_recorder import InputRecorder
        from helios.renderer.recorders.trace_recorder import TraceRecorder
        from helios.renderer.render_request import RenderRequest

        if mode not in (None, "canvas", "dom"):
            raise OptionInvalid(f"mode {mode!r}: must be canvas or dom")
        for record in filter(None, (input_manifest, boundary_frames)):
            check_writable(record)
        composition = Composition.find(source, root=root)
        page = await page_options(
            composition,
            fps=fps,
            dialect=dialect,
            composition_id=composition_id,
            width=width,
            height=height,
            scale=scale,
            transparent=transparent,
            seed=seed,
            props=props,
            time_zone=time_zone,
            locale=locale,
            allow_missing=allow_missing,
            timeout=timeout,
            direct=mode != "dom",
            canvas_alone=mode == "canvas",
            reference=reference,
        )
        count = _frame_count(frame_count, duration, page.rate)
        if count is None:
            count = await _declared_frames(composition, page) - start_frame
        codec = choose_codec(output, video_codec)
        inputs = None if input_manifest is None else InputRecorder()
        boundary = None if boundary_frames is None or codec.images else BoundaryRecorder()
        frames = range(start_frame, start_frame + count)
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
            inputs=inputs,
            boundary=boundary,
            trace=None if trace is None or codec.images else TraceRecorder(trace, frames),
        )
        await _render(request, verbose=verbose)
        if boundary_frames is not None and boundary is not None:
            await boundary.save(boundary_frames, output=output, frames=request.frames)
        if request.trace is not None:
            await request.trace.save()
        if input_manifest is not None and inputs is not None:
            (await inputs.manifest(output)).save(input_manifest)

    run(work())


async def _render(request: "RenderRequest", *, verbose: bool) -> None:
    from helios.renderer.progress import show_progress
    from helios.renderer.render import render as render_frames

    with show_progress(request.frame_count) as progress:
        result = await render_frames(request, on_progress=progress, log=page_log(verbose=verbose))
    rate = result.frames / max(result.frame_seconds, 1e-9)
    print(
        f"{request.output}: {result.frames} frames, {rate:.1f} frames/s"
        f" ({result.start_seconds:.1f} s to start)",
        file=sys.stderr,
    )


def _frame_count(frames: int | None, duration: float | None, rate: Fraction) -> int | None:
    if frames is not None or duration is None:
        return frames
    if not math.isfinite(duration):
        raise OptionInvalid(f"duration {duration}: must be a number of seconds")
    return round(Fraction(str(duration)) * rate)


async def _declared_frames(composition: "Composition", page: "PageOptions") -> int:
    from helios.renderer.inspect import inspect

    return (await inspect(composition, page)).frames(page.rate)
