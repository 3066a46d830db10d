"""Renders a range of a composition's frames into a video, images or one still."""

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helios.errors import HeliosError, OptionInvalid, OutputUnwritable
from helios.output import check_writable, whole_output, write_failure
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.renderer.composition import Composition
from helios.renderer.encoding.codecs import VideoEncoding, check_encoding, check_size
from helios.renderer.encoding.frame_sink import FrameSink, image_sink, split_pattern, video_sink
from helios.renderer.frame_queue import Reel
from helios.renderer.page import CompositionPage, ImageFormat, PageLog, PageOptions
from helios.renderer.render_session import Stage, open_stage
from helios.renderer.soundtrack import Soundtrack, check_audio_codec, listen, write_sound

if TYPE_CHECKING:
    from helios.renderer.boundary_recorder import BoundaryLog
    from helios.renderer.input_recorder import ReadLog

#: JPEG quality of captured frames if none is given: at 90 an H.264 of CRF 18 hides what is lost.
DEFAULT_JPEG_QUALITY = 90
#: Frames after a range that decide whether a volume set in it is part of a tween.
FRAMES_BEHIND = 2

Progress = Callable[[int], None]
"""Called with the number of frames done."""


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """One range of frames and what becomes of it.

    Attributes
    ----------
    output:
        A video file, or a folder (or `%06d` pattern) for images.
    start_frame, frame_count:
        The range, counted from the timeline's start.
    jpeg_quality:
        0 to 100, for frames that leave the browser as JPEG.
    concurrency:
        Browsers that render side by side.
    replay:
        Visit every frame from 0 on without taking its picture; None leaves it to the page.
    audio_codec:
        ffmpeg's encoder for the sound, "" for the container's usual one, None for no sound.
    reads:
        Takes note of what is read for the pictures.
    boundary:
        Takes note of the last frame, and of the one before the first, which is drawn for that.
    """

    composition: Composition
    output: Path
    page: PageOptions
    encoding: VideoEncoding
    start_frame: int = 0
    frame_count: int
    jpeg_quality: int = DEFAULT_JPEG_QUALITY
    concurrency: int = 1
    replay: bool | None = None
    audio_codec: str | None = ""
    reads: "ReadLog | None" = None
    boundary: "BoundaryLog | None" = None

    @property
    def image(self) -> ImageFormat:
        """How frames leave the browser: losslessly where that matters, else as JPEG."""
        codec, page = self.encoding.codec, self.page
        lossless = self.encoding.lossless or codec.name in ("png", "prores")
        exact = page.reference or page.transparent or lossless
        return ImageFormat("png") if exact else ImageFormat("jpeg", self.jpeg_quality)


@dataclass(frozen=True)
class RenderReport:
    """What a render did: frames, seconds for start-up and frames, and whether there is sound."""

    frames: int
    start_seconds: float
    frame_seconds: float
    sound: bool = field(default=False)


async def render(
    request: RenderRequest, *, on_progress: Progress | None = None, log: PageLog | None = None
) -> RenderReport:
    """Render the request's frames; its output appears only when it is whole.

    Raises
    ------
    HeliosError
        Input is refused before a browser starts; all else is told by the error's code.
    """
    check_request(request)
    began = time.monotonic()
    pages = min(request.concurrency, request.frame_count)
    async with open_stage(
        request.composition, request.page, pages=pages, log=log, reads=request.reads
    ) as stage:
        started = time.monotonic()
        soundtrack = await _record(request, stage, on_progress or (lambda _: None))
    return RenderReport(
        frames=request.frame_count,
        start_seconds=started - began,
        frame_seconds=time.monotonic() - started,
        sound=soundtrack,
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
    """Take the picture of one frame.

    Raises
    ------
    HeliosError
        As `render`.
    """
    check_writable(output)
    async with open_stage(composition, page, log=log) as stage:
        shown = stage.page
        every_frame = await _needs_every_frame(shown, replay)
        await shown.seek(frame, every_frame=every_frame)
        data = await shown.capture(image)
        shown.check_missing()
    with whole_output(output) as folder:
        (folder / "whole").write_bytes(data)


def check_request(request: RenderRequest) -> None:
    """Refuse what can't be rendered, before any work.

    Raises
    ------
    OptionInvalid, CodecUnavailable, OutputUnwritable
    """
    if request.frame_count < 1:
        raise OptionInvalid(f"frame count {request.frame_count}: there must be at least one frame")
    if request.start_frame < 0:
        raise OptionInvalid(f"start frame {request.start_frame}: frames are counted from 0")
    if request.concurrency < 1:
        raise OptionInvalid(f"concurrency {request.concurrency}: must be at least 1")
    if request.page.reference and request.concurrency > 1:
        raise OptionInvalid(
            f"concurrency {request.concurrency}: a reference is rendered by one browser"
        )
    codec = request.encoding.codec
    if request.reads is not None:
        _check_notable(request)
    check_size(request.page.width, request.page.height, request.page.scale, codec)
    check_encoding(request.encoding, transparent=request.page.transparent)
    if codec.images:
        folder = split_pattern(request.output, "")[0]
        if folder.exists() and not folder.is_dir():
            raise OutputUnwritable(f"{folder}: is no folder", hint="Give the images a folder.")
        check_writable((folder if folder.is_dir() else folder.parent) / "images")
        return
    if request.audio_codec:
        check_audio_codec(request.audio_codec, request.output.suffix)
    if request.output.is_dir():
        raise OutputUnwritable(f"{request.output}: is a folder", hint="Give a file's name.")
    check_writable(request.output)


def _check_notable(request: RenderRequest) -> None:
    """Refuse to note what is read where that can't be told of one file, or not be seen."""
    if request.encoding.codec.images:
        raise OptionInvalid("--reads: goes with a video, not with a sequence of images")
    if request.audio_codec is not None:
        raise OptionInvalid("--reads: files of sound aren't noted", hint="Give --no-audio.")
    if os.environ.get(PROXY_VARIABLE):
        raise OptionInvalid(f"--reads: can't see what passes the proxy of {PROXY_VARIABLE}")


async def _record(request: RenderRequest, stage: Stage, on_progress: Progress) -> bool:
    """Capture all frames and write the output; return whether it has sound."""
    every_frame = await _needs_every_frame(stage.page, request.replay)
    if request.boundary is not None:
        request.boundary.replayed, request.boundary.browser = every_frame, stage.browser
    if request.encoding.codec.images:
        with _image_folder(request.output) as folder:
            sink = image_sink(folder, _pattern(request), request.start_frame)
            await shoot(request, stage, sink, every_frame, on_progress)
        return False
    with whole_output(request.output) as folder:
        silent = folder / "silent"
        soundtrack = None
        if request.audio_codec is not None and await stage.page.can_sound():
            soundtrack = await _listen(request, stage.page, folder)
        async with _encoder(request, silent) as sink:
            await shoot(request, stage, sink, every_frame, on_progress)
            await sink.finish()
        if soundtrack is None:
            soundtrack = Soundtrack(())
            if request.audio_codec is not None:
                # What there is may have come later.
                await stage.page.seek(_last_frame(request), every_frame=every_frame)
                if await stage.page.can_sound():
                    soundtrack = await _listen(request, stage.page, folder)
        return await write_sound(
            soundtrack,
            video=silent,
            output=folder / "whole",
            suffix=request.output.suffix,
            codec=request.audio_codec,
            start_frame=request.start_frame,
            frame_count=request.frame_count,
            rate=request.page.rate,
        )


def _last_frame(request: RenderRequest) -> int:
    return request.start_frame + request.frame_count - 1


async def _listen(request: RenderRequest, page: CompositionPage, scratch: Path) -> Soundtrack:
    """Return what is heard up to the last frame.

    What a script sets in a frame is told to be a tween by the frames after it, so these are
    visited as well, as far as the page goes on.
    """
    end = _last_frame(request) + 1
    duration = (await page.declared()).duration
    if duration is not None:
        whole = round(duration * request.page.rate)
        end = max(end, min(end + FRAMES_BEHIND, whole))
    soundtrack = await listen(
        request.composition,
        request.page,
        frame_count=end,
        scratch=scratch,
        replay=request.replay,
    )
    await soundtrack.check()
    return soundtrack


def _pattern(request: RenderRequest) -> str:
    return split_pattern(request.output, request.image.name)[1]


@contextlib.contextmanager
def _image_folder(output: Path) -> Iterator[Path]:
    """Yield a folder whose images move to the output's folder when all are there."""
    target = split_pattern(output, "")[0]
    folder = target / f".{secrets.token_hex(4)}.part"
    is_new = not target.exists()
    try:
        folder.mkdir(parents=True)
        yield folder
        for image in folder.iterdir():
            image.replace(target / image.name)
    except OSError as fault:
        raise write_failure(fault, output=output) from fault
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                target.rmdir()  # succeeds only if no image came


@contextlib.asynccontextmanager
async def _encoder(request: RenderRequest, output: Path) -> AsyncIterator[FrameSink]:
    page = request.page
    async with video_sink(
        output,
        replace(request.encoding, every_frame=page.reference),
        name=request.output.name,
        suffix=request.output.suffix,
        size=check_size(page.width, page.height, page.scale, request.encoding.codec),
        rate=page.rate,
        image=request.image.name,
        alpha=page.transparent,
    ) as sink:
        yield sink


async def _needs_every_frame(page: CompositionPage, replay: bool | None) -> bool:
    return (await page.declared()).replay if replay is None else replay


async def shoot(
    request: RenderRequest,
    stage: Stage,
    sink: FrameSink,
    every_frame: bool,
    on_progress: Progress,
) -> None:
    """Let each page take the next frames that no other page has, and write them in order.

    Parameters
    ----------
    every_frame:
        Whether all frames from 0 on are visited.
    """
    frames = range(request.start_frame, request.start_frame + request.frame_count)
    reel = Reel(frames, takers=1 + len(stage.joining))

    boundary = request.boundary

    async def take(page: CompositionPage) -> None:
        async for frame in reel.turns():
            if boundary is not None and frame == frames.start > 0:
                boundary.before = await page.picture(
                    frame - 1, request.image, every_frame=every_frame
                )
            picture = reel.known(frame)
            if picture is None:
                picture = await page.picture(frame, request.image, every_frame=every_frame)
                reel.stands(frame, page.same_until, picture)
            reel.put(frame, picture)
        page.check_missing()

    async def join(loading: Awaitable[CompositionPage]) -> None:
        await take(await loading)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(take(stage.page))
            others = [group.create_task(join(loading)) for loading in stage.joining]
            async for picture in reel.pictures():
                await sink.write(picture)
                on_progress(reel.written)
            if boundary is not None:
                boundary.last = picture
            for task in others:
                task.cancel()  # one that has loaded too late
    except* HeliosError as errors:
        raise errors.exceptions[0] from None
