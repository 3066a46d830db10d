"""Renders a range of a composition's frames to a video or images, or one frame to an image."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from helios.errors import HeliosError, OptionInvalid
from helios.output import check_writable, whole_output
from helios.renderer.composition import Composition
from helios.renderer.encoding.audio import write_audio
from helios.renderer.encoding.codecs import check_size
from helios.renderer.encoding.frame_sink import FrameSink, video_sink
from helios.renderer.encoding.image_sequence import ImageSink, image_folder, split_pattern
from helios.renderer.frame_queue import FrameQueue
from helios.renderer.page import CompositionPage, ImageFormat, PageLog, PageOptions
from helios.renderer.raw_frames import why_unavailable
from helios.renderer.render_request import RenderRequest
from helios.renderer.render_session import RenderSession, open_render_session
from helios.renderer.soundtrack import Soundtrack, record_soundtrack

#: Frames after a range that are visited to tell whether a volume set in the range is part of a
#: tween.
TWEEN_LOOKAHEAD = 2

Progress = Callable[[int], None]
"""Called with the number of frames done."""


@dataclass(frozen=True)
class RenderReport:
    """Figures of a finished render."""

    frames: int
    start_seconds: float
    frame_seconds: float


async def render(
    request: RenderRequest, *, on_progress: Progress | None = None, log: PageLog | None = None
) -> RenderReport:
    """Render the request's frames. The output appears only when it is complete.

    Invalid options are refused before a browser starts.
    """
    request.check()
    began = time.monotonic()
    pages = min(request.concurrency, request.frame_count)
    async with open_render_session(
        request.composition,
        request.page,
        frames=request.frame_count,
        pages=pages,
        log=log,
        inputs=request.inputs,
        raw_size=request.raw_size,
    ) as session:
        started = time.monotonic()
        if log is not None and request.raw_size is not None:
            log(None, "info", f"pictures are captured as {_way(session.page)}")
        await _write_output(request, session, on_progress or (lambda _: None))
    return RenderReport(
        frames=request.frame_count,
        start_seconds=started - began,
        frame_seconds=time.monotonic() - started,
    )


async def still(
    composition: Composition,
    output: Path,
    *,
    page: PageOptions,
    frame: int,
    image: ImageFormat,
    replay: bool | None = None,
    log: PageLog | None = None,
) -> None:
    """Capture one frame; one behind the duration that the page declares is refused."""
    check_writable(output)
    async with open_render_session(composition, page, log=log) as session:
        shown = session.page
        duration = (await shown.declared()).duration
        frames = None if duration is None else max(1, round(Fraction(str(duration)) * page.rate))
        if frames is not None and frame >= frames:
            raise OptionInvalid(
                f"frame {frame}: the page has {frames}", hint=f"The last one is {frames - 1}."
            )
        every_frame = await _needs_every_frame(shown, replay)
        await shown.seek(frame, every_frame=every_frame)
        data = await shown.capture(image)
        shown.check_missing()
    with whole_output(output) as folder:
        (folder / "whole").write_bytes(data)


def _way(page: CompositionPage) -> str:
    if page.gives_raw_frames:
        return "raw frames"
    return f"JPEG: {why_unavailable() or 'the browser gives no raw frames'}"


async def _write_output(
    request: RenderRequest, session: RenderSession, on_progress: Progress
) -> None:
    every_frame = await _needs_every_frame(session.page, request.replay)
    if request.boundary is not None:
        request.boundary.replayed, request.boundary.browser = every_frame, session.browser
    if request.trace is not None:
        request.trace.browser = session.browser
    if request.encoding.codec.images:
        with image_folder(request.output) as folder:
            pattern = split_pattern(request.output, request.image.name)[1]
            images = ImageSink(folder, pattern, request.start_frame)
            await draw_frames(request, session, images, every_frame, on_progress)
        return
    page = request.page
    image = request.image
    if session.page.gives_raw_frames:
        image = ImageFormat("i420")
        if request.boundary is not None:
            request.boundary.raw_size = request.raw_size
    with whole_output(request.output) as folder:
        silent = folder / "silent"
        pictures = None if request.trace is None else request.trace.begin()
        soundtrack = None
        if request.audio_codec is not None and await session.page.audio.can_sound():
            soundtrack = await _soundtrack(request, session.page, folder)
        async with video_sink(
            silent,
            replace(request.encoding, every_frame=page.reference),
            name=request.output.name,
            suffix=request.output.suffix,
            size=check_size(page.width, page.height, page.scale, request.encoding.codec),
            rate=page.rate,
            image=image.name,
            alpha=page.transparent,
            pictures=pictures,
        ) as sink:
            await draw_frames(request, session, sink, every_frame, on_progress, image=image)
            await sink.finish()
        if soundtrack is None and request.audio_codec is not None:
            # Scripts may have started audio after the first frame.
            await session.page.seek(request.frames[-1], every_frame=every_frame)
            if await session.page.audio.can_sound():
                soundtrack = await _soundtrack(request, session.page, folder)
        await write_audio(
            () if soundtrack is None else soundtrack.tracks,
            video=silent,
            output=folder / "whole",
            suffix=request.output.suffix,
            codec=request.audio_codec,
            frames=request.frames,
            rate=page.rate,
        )


async def _soundtrack(request: RenderRequest, page: CompositionPage, scratch: Path) -> Soundtrack:
    """Return the audio up to the last frame.

    Whether a value that a script sets belongs to a tween shows in the frames after it, so a few
    of these are visited too, up to the page's duration.
    """
    end = request.frames.stop
    duration = (await page.declared()).duration
    if duration is not None:
        end = max(end, min(end + TWEEN_LOOKAHEAD, round(duration * request.page.rate)))
    soundtrack = await record_soundtrack(
        request.composition,
        request.page,
        frame_count=end,
        scratch=scratch,
        replay=request.replay,
    )
    await soundtrack.check()
    return soundtrack


async def _needs_every_frame(page: CompositionPage, replay: bool | None) -> bool:
    return (await page.declared()).replay if replay is None else replay


async def draw_frames(
    request: RenderRequest,
    session: RenderSession,
    sink: FrameSink,
    every_frame: bool,
    on_progress: Progress,
    *,
    image: ImageFormat | None = None,
) -> None:
    """Draw the request's frames in all pages of the session, and write them in order.

    They are captured in the request's format, or in that of `image`.
    """
    image = image or request.image
    frames, boundary = request.frames, request.boundary
    size = request.raw_size if image.name == "i420" else None
    picture_bytes = 0 if size is None else size[0] * size[1] * 3 // 2
    queue = FrameQueue(frames, pages=1 + len(session.joining), picture_bytes=picture_bytes)

    async def join(loading: Awaitable[CompositionPage]) -> None:
        await _draw(request, await loading, queue, image, every_frame)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_draw(request, session.page, queue, image, every_frame))
            others = [group.create_task(join(loading)) for loading in session.joining]
            async for picture in queue.pictures():
                with _encoding(request, frames.start + queue.written - 1):
                    await sink.write(picture)
                on_progress(queue.written)
            if boundary is not None:
                boundary.last = picture
            for task in others:
                task.cancel()  # its page is still loading, and no frame is left for it
    except* HeliosError as errors:
        raise errors.exceptions[0] from None


async def _draw(
    request: RenderRequest,
    page: CompositionPage,
    queue: FrameQueue,
    image: ImageFormat,
    every_frame: bool,
) -> None:
    """Draw frames of the queue in one page, until none is left."""
    boundary, trace = request.boundary, request.trace
    async for frame in queue.take():
        if boundary is not None and frame == request.start_frame > 0:
            boundary.before = await page.picture(frame - 1, image, every_frame=every_frame)
            page.times.take()  # spent for a frame of another chunk
        picture = queue.held(frame)
        if picture is None:
            picture = await page.picture(frame, image, every_frame=every_frame)
            queue.hold(frame, page.same_until, picture)
            if trace is not None:
                trace.add(frame, page.times.take())
        queue.put(frame, picture)
    page.check_missing()


def _encoding(request: RenderRequest, frame: int) -> contextlib.AbstractContextManager[None]:
    trace = request.trace
    return contextlib.nullcontext() if trace is None else trace.encoding(frame)
