"""Encodes captured frames with ffmpeg."""

import asyncio
import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import cast

from helios.errors import EncodeFailed, HeliosError
from helios.media.ffmpeg import end_process, ffmpeg_failure, file_url, missing_program
from helios.output import write_failure
from helios.renderer.browser.devtools import widen_pipe
from helios.renderer.encoding import ivf
from helios.renderer.encoding.codecs import VideoEncoding
from helios.renderer.encoding.encoder_arguments import (
    encoding_arguments,
    input_arguments,
    leaves_gaps,
)
from helios.renderer.encoding.frame_pictures import FramePictures
from helios.renderer.encoding.held_frames import fill_held_frames

#: Bytes of frames that may be queued for the encoder; above that, the browser waits.
_AHEAD_BYTES = 8 << 20
#: Limit of consecutive repeated frames that aren't sent, so that the encoder isn't idle for long.
_MAX_SKIPPED = 30
#: Repeated frames that are encoded before the rest is held: x264 sharpens the picture in these.
_REPEATS_ENCODED = 8
#: Least number of frames to hold: fewer aren't worth the keyframe that follows them.
_MIN_HELD = 15
#: Limit of consecutive held frames: keyframes stay within about twice x264's default interval, so
#: that players seek quickly.
_MAX_HELD = 240
#: Niceness of the encoder; Chromium's processes have -8 where the system allows it.
_ENCODER_NICENESS = -10


class FrameSink(ABC):
    """Receives frames in order."""

    @abstractmethod
    async def write(self, image: bytes) -> None:
        """Write the next frame."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when all frames are in the output."""


class _Video(FrameSink):
    """Pipes frames to ffmpeg with their numbers; repeated frames may be skipped."""

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, *, max_skipped: int = _MAX_SKIPPED
    ) -> None:
        self._process = process
        self._name = name
        self._max_skipped = max_skipped
        self._frames = 0
        self._last = b""
        self._skipped = 0
        # Both are pipes, as `video_sink` starts the process.
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        transport = self._stdin.transport
        with contextlib.suppress(ValueError):  # closed by an encoder that has failed already
            widen_pipe(transport.get_extra_info("pipe").fileno())
        transport.set_write_buffer_limits(high=_AHEAD_BYTES)
        self._log = asyncio.ensure_future(cast(asyncio.StreamReader, process.stderr).read())

    async def start(self, *, size: tuple[int, int], rate: Fraction, image: str) -> None:
        """Write the stream header."""
        await self._pipe(ivf.header(size=size, rate=rate, image=image))

    async def write(self, image: bytes) -> None:
        self._frames += 1
        if image == self._last and self._skipped < self._max_skipped:
            self._skipped += 1
            return
        self._last = image
        self._skipped = 0
        await self._send(self._frames - 1)

    async def finish(self) -> None:
        if self._skipped:
            # ffmpeg repeats frames up to the last one that it receives.
            await self._send(self._frames - 1)
        await self._end()

    async def _send(self, number: int) -> None:
        await self._pipe(ivf.frame_header(self._last, number=number), self._last)

    async def _pipe(self, *parts: bytes) -> None:
        try:
            for part in parts:
                self._stdin.write(part)
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._failure() from None

    async def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._stdin.close()
        # A full disk at the time ffmpeg closes its output is reported in its log alone.
        if await self._process.wait() != 0 or b"No space left on device" in await self._log:
            raise await self._failure()

    async def _failure(self) -> HeliosError:
        await self._process.wait()
        log = (await self._log).decode(errors="replace")
        return ffmpeg_failure(log, error=EncodeFailed, message=f"{self._name}: encoding failed")


class _HeldVideo(_Video):
    """Encodes a picture that is held for long only a few times; fills in its other frames later."""

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, *, output: Path, rate: Fraction
    ) -> None:
        super().__init__(process, name)
        self._output = output
        self._rate = rate
        self._repeats = 0

    async def write(self, image: bytes) -> None:
        self._frames += 1
        same = image == self._last
        if same and self._repeats >= _REPEATS_ENCODED and self._skipped < _MAX_HELD:
            self._skipped += 1
            return
        if self._skipped < _MIN_HELD:
            for number in range(self._frames - 1 - self._skipped, self._frames - 1):
                await self._send(number)
        self._repeats = self._repeats + 1 if same and not self._skipped else 0
        self._skipped = 0
        self._last = image
        await self._send(self._frames - 1)

    async def finish(self) -> None:
        await self._end()
        part = self._output.with_name(f"{self._output.name}.filled")
        try:
            await asyncio.to_thread(
                fill_held_frames,
                self._output,
                output=part,
                frame_count=self._frames,
                rate=self._rate,
            )
            part.replace(self._output)
        except OSError as fault:
            raise write_failure(fault, output=Path(self._name)) from fault


@contextlib.asynccontextmanager
async def video_sink(
    output: Path,
    encoding: VideoEncoding,
    *,
    name: str,
    suffix: str,
    size: tuple[int, int],
    rate: Fraction,
    image: str,
    alpha: bool = False,
    pictures: FramePictures | None = None,
) -> AsyncIterator[FrameSink]:
    """Encode frames to a new file; the encoder has ended when the context exits.

    Args:
        output: The file to write.
        name: Name of the output in error messages.
        suffix: File name ending, which selects the container.
        size: Width and height of the frames in pixels.
        rate: Frames per second.
        image: Format of the frames, `jpeg`, `png`, or `i420` for raw frames.
        alpha: Keep transparency.
        pictures: Also write small pictures of some frames.
    """
    arguments = [
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-y"),
        *input_arguments(image),
        *encoding_arguments(encoding, image=image, alpha=alpha, suffix=suffix, rate=rate),
        file_url(output),
        *([] if pictures is None else pictures.arguments(rate)),
    ]
    try:
        # In its own process group, Ctrl-C in a terminal does not reach the encoder; we end it.
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,
        )
    except FileNotFoundError:
        raise missing_program("ffmpeg") from None
    _prioritise(process.pid)
    try:
        if leaves_gaps(encoding, suffix):
            video: _Video = _HeldVideo(process, name, output=output, rate=rate)
        else:
            most = 0 if encoding.every_frame else _MAX_SKIPPED
            video = _Video(process, name, max_skipped=most)
        await video.start(size=size, rate=rate, image=image)
        yield video
    finally:
        await end_process(process)


def _prioritise(pid: int) -> None:
    """Raise a process's priority, where the system allows that."""
    # All frames pass through one encoder. Chromium raises the priority of its own processes where
    # it may; an encoder of lower priority falls behind and ends long after them.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _ENCODER_NICENESS)
