"""Writes captured frames to ffmpeg or into a folder of images."""

import asyncio
import contextlib
import os
import re
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
from helios.renderer.encoding.codecs import (
    VideoEncoding,
    encoding_arguments,
    input_arguments,
    leaves_gaps,
)
from helios.renderer.encoding.held_frames import fill_held_frames

#: Bytes of frames that may wait for the encoder before the browser has to.
_AHEAD_BYTES = 8 << 20
#: Frames in a row that the encoder isn't sent because they are alike; it should not fall idle.
_MOST_LEFT_OUT = 30
#: Frames alike that are encoded before the rest is held: in these x264 makes the picture sharper.
_ALIKE_FRAMES = 8
#: Fewer frames than these aren't worth the keyframe that follows what is held.
_FEWEST_HELD = 15
#: Frames held in a row at most, so that keyframes aren't farther apart than about twice x264's own
#: distance, and a player that seeks is soon there.
_MOST_HELD = 240
#: How far the encoder stands before other processes; Chromium puts its own at -8 where it may.
_ENCODER_NICENESS = -10
#: File name of an image in a sequence if the output is a folder.
IMAGE_PATTERN = "frame-%06d"
_DIRECTIVE = re.compile(r"%(?P<width>0?\d{0,2})d")


class FrameSink(ABC):
    """Takes frames in their order."""

    @abstractmethod
    async def write(self, image: bytes) -> None:
        """Take the next frame."""

    @abstractmethod
    async def finish(self) -> None:
        """Return when all frames are safely in the output."""


class _Video(FrameSink):
    """Pipes frames to ffmpeg, each with its number; one like the frame before may be left out."""

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, *, most_left_out: int = _MOST_LEFT_OUT
    ) -> None:
        self._process = process
        self._name = name
        self._most_left_out = most_left_out
        self._frames = 0
        self._last = b""
        self._left_out = 0
        # Both were asked for as pipes.
        self._stdin = cast(asyncio.StreamWriter, process.stdin)
        transport = self._stdin.transport
        widen_pipe(transport.get_extra_info("pipe").fileno())
        transport.set_write_buffer_limits(high=_AHEAD_BYTES)
        self._log = asyncio.ensure_future(cast(asyncio.StreamReader, process.stderr).read())

    async def start(self, *, size: tuple[int, int], rate: Fraction, image: str) -> None:
        """Tell what kind of frames will come."""
        await self._pipe(ivf.header(size=size, rate=rate, image=image))

    async def write(self, image: bytes) -> None:
        self._frames += 1
        if image == self._last and self._left_out < self._most_left_out:
            self._left_out += 1
            return
        self._last = image
        self._left_out = 0
        await self._send(self._frames - 1)

    async def finish(self) -> None:
        if self._left_out:
            # ffmpeg fills in up to the last frame that it has seen.
            await self._send(self._frames - 1)
        await self._end()

    async def _send(self, number: int) -> None:
        await self._pipe(ivf.frame(self._last, number=number))

    async def _pipe(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
            await self._stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise await self._failure() from None

    async def _end(self) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._stdin.close()
        # A disk that is full when ffmpeg closes its output shows in the log only.
        if await self._process.wait() != 0 or b"No space left on device" in await self._log:
            raise await self._failure()

    async def _failure(self) -> HeliosError:
        await self._process.wait()
        log = (await self._log).decode(errors="replace")
        return ffmpeg_failure(log, error=EncodeFailed, message=f"{self._name}: encoding failed")


class _HeldVideo(_Video):
    """Keeps a picture that stands for long from the encoder, and fills its time in afterwards."""

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, *, output: Path, rate: Fraction
    ) -> None:
        super().__init__(process, name)
        self._output = output
        self._rate = rate
        self._alike = 0

    async def write(self, image: bytes) -> None:
        self._frames += 1
        same = image == self._last
        if same and self._alike >= _ALIKE_FRAMES and self._left_out < _MOST_HELD:
            self._left_out += 1
            return
        if self._left_out < _FEWEST_HELD:
            for number in range(self._frames - 1 - self._left_out, self._frames - 1):
                await self._send(number)
        self._alike = self._alike + 1 if same and not self._left_out else 0
        self._left_out = 0
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


class _Images(FrameSink):
    def __init__(self, folder: Path, pattern: str, first: int) -> None:
        self._folder = folder
        self._pattern = pattern
        self._number = first

    async def write(self, image: bytes) -> None:
        path = self._folder / _numbered(self._pattern, self._number)
        self._number += 1
        try:
            await asyncio.to_thread(path.write_bytes, image)
        except OSError as error:
            raise write_failure(error, output=path) from error

    async def finish(self) -> None:
        """Nothing waits: every image is written when `write` returns."""


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
) -> AsyncIterator[FrameSink]:
    """Encode frames into a new file; the encoder is gone when the context ends.

    Parameters
    ----------
    output:
        The file to write.
    name:
        What errors call it.
    suffix:
        A file name's ending, which says what container it is.
    size:
        Width and height of the frames in pixels.
    rate:
        Frames per second.
    image:
        Format of the frames, `jpeg` or `png`.
    alpha:
        Keep transparency.

    Raises
    ------
    EncodeFailed, DiskFull, OutputUnwritable, ProgramMissing
    """
    arguments = [
        *("ffmpeg", "-hide_banner", "-loglevel", "error", "-y"),
        *input_arguments(),
        *encoding_arguments(encoding, image=image, alpha=alpha, suffix=suffix, rate=rate),
        file_url(output),
    ]
    try:
        # A group of its own: Ctrl-C reaches us alone, and we end the encoder.
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            process_group=0,
        )
    except FileNotFoundError:
        raise missing_program("ffmpeg") from None
    _put_first(process.pid)
    try:
        if leaves_gaps(encoding, suffix):
            video: _Video = _HeldVideo(process, name, output=output, rate=rate)
        else:
            most = 0 if encoding.every_frame else _MOST_LEFT_OUT
            video = _Video(process, name, most_left_out=most)
        await video.start(size=size, rate=rate, image=image)
        yield video
    finally:
        await end_process(process)


def _put_first(pid: int) -> None:
    """Let a process have a core whenever it wants one, where the system allows that."""
    # Every frame passes through the one encoder. Chromium, where it may, puts its own processes
    # before others; an encoder that waits for them falls behind, and ends long after them.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _ENCODER_NICENESS)


def image_sink(folder: Path, pattern: str, first: int) -> FrameSink:
    """Write frames as numbered images into a folder.

    Parameters
    ----------
    pattern:
        File name with a `%d` directive for the frame's number.
    first:
        Number of the first frame that will come.
    """
    return _Images(folder, pattern, first)


def split_pattern(output: Path, ending: str) -> tuple[Path, str]:
    """Return the folder and the file name pattern of an image sequence.

    `frames/` and `frames` hold `frame-000000.png`; `frames/%04d.png` says it all.
    """
    if _DIRECTIVE.search(output.name):
        return output.parent, output.name
    return output, f"{IMAGE_PATTERN}.{ending}"


def _numbered(pattern: str, number: int) -> str:
    # Not by `%`: all other percent signs in a file name are its own.
    return _DIRECTIVE.sub(lambda found: format(number, found["width"] or "d"), pattern)
