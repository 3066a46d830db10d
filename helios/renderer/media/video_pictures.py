"""Decodes single pictures of videos, for pages that ask for one after the other."""

import asyncio
import contextlib
from asyncio import StreamReader
from asyncio.subprocess import DEVNULL, PIPE, Process
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from helios.errors import MediaUnsupported
from helios.media.ffmpeg import (
    end_process,
    ffmpeg_command,
    ffmpeg_failure,
    file_url,
    missing_program,
)
from helios.renderer.media.frame_times import FrameTimes, SourceTimes

#: Videos, or places of one, that are decoded at the same time.
_MOST_STREAMS = 4
#: Pictures of a stream that are kept: several browsers ask for frames of one range by turns.
_KEPT = 4
#: Pictures that are decoded on the way to a later one; beyond it, the video is sought.
_MOST_SKIPPED = 60
#: Decoders that are started for a picture before it is given up.
_ATTEMPTS = 2
#: Bytes of a decoder's log that are kept.
_LOG_BYTES = 4096
#: Tolerance in microseconds, of times that are computed from frames.
_ROUNDING = 1.0
_PNG_HEAD = 8
#: Decoders that also read transparency, which ffmpeg's own don't.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(eq=False)
class _Stream:
    """A video that is decoded from a picture on.

    Attributes:
        log: The end of the decoder's log, once it has ended.
        following: Number of the next picture.
        kept: The last pictures by their numbers.
    """

    process: Process
    log: asyncio.Future[bytes]
    times: FrameTimes
    transparent: bool
    following: int
    kept: OrderedDict[int, bytes] = field(default_factory=OrderedDict)

    def reaches(self, number: int) -> bool:
        """Return whether a picture is at hand, or comes soon."""
        return number in self.kept or self.following <= number <= self.following + _MOST_SKIPPED

    async def picture(self, number: int) -> bytes:
        """Return a picture.

        Raises:
            IncompleteReadError: The decoder has ended before it.
        """
        while number not in self.kept:
            self.kept[self.following] = await self._next()
            self.following += 1
            if len(self.kept) > _KEPT:
                self.kept.popitem(last=False)
        return self.kept[number]

    async def _next(self) -> bytes:
        output = cast(StreamReader, self.process.stdout)
        try:
            return await (_png if self.transparent else _bmp)(output)
        except asyncio.IncompleteReadError:
            before = self.kept.get(self.following - 1)
            is_last = self.following == len(self.times.stamps) - 1
            if before is None or not is_last or await self.process.wait() != 0:
                raise
            # A last packet without a picture; the one before stays.
            return before


class VideoPictures:
    """Decodes pictures of videos; each stream goes on where it was left."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._times = SourceTimes()
        #: The one used last stands at the end.
        self._streams: list[_Stream] = []

    async def picture(
        self, source: Path | str, seconds: float, *, transparent: bool = False
    ) -> bytes:
        """Return the picture that a video shows at a time: a PNG with transparency, else a BMP.

        Before the first picture and after the last one, that one is shown.

        Args:
            source: File, or http(s) URL.

        Raises:
            MediaUnsupported: The source has no video, or can't be read.
        """
        async with self._turn:
            times = await self._times(source)
            if not times.stamps:
                raise MediaUnsupported(f"{_name(source)}: has no video")
            at = seconds * 1_000_000 + times.slack + _ROUNDING
            number = max(0, bisect_right(times.begins, at) - 1)
            log = b""
            for attempt in range(_ATTEMPTS):
                stream = None if attempt else self._find(times, number, transparent)
                if stream is None:
                    # The second attempt also reads the picture before, which may have to stay.
                    stream = await self._start(source, times, max(0, number - attempt), transparent)
                try:
                    return await stream.picture(number)
                except asyncio.IncompleteReadError:
                    log = await self._end(stream)
            raise ffmpeg_failure(
                log.decode(errors="replace"),
                error=MediaUnsupported,
                message=f"{_name(source)}: picture {number} can't be decoded",
            )

    async def close(self) -> None:
        """End all decoders."""
        while self._streams:
            await self._end(self._streams[0])

    def _find(self, times: FrameTimes, number: int, transparent: bool) -> _Stream | None:
        for stream in self._streams:
            # A file in one state has one list of times.
            is_same = stream.times is times and stream.transparent == transparent
            if is_same and stream.reaches(number):
                self._streams.remove(stream)
                self._streams.append(stream)
                return stream
        return None

    async def _start(
        self, source: Path | str, times: FrameTimes, number: int, transparent: bool
    ) -> _Stream:
        while len(self._streams) >= _MOST_STREAMS:
            await self._end(self._streams[0])
        process = await _decoder(source, times, number, transparent)
        log = asyncio.ensure_future(_tail(cast(StreamReader, process.stderr)))
        stream = _Stream(process, log, times, transparent, number)
        self._streams.append(stream)
        return stream

    async def _end(self, stream: _Stream) -> bytes:
        """End a stream; return the end of its log."""
        self._streams.remove(stream)
        await end_process(stream.process)
        return await stream.log


async def _decoder(
    source: Path | str, times: FrameTimes, number: int, transparent: bool
) -> Process:
    """Start ffmpeg at a picture of a video; pictures follow in its output."""
    decoder = _ALPHA_DECODERS.get(times.codec) if transparent else None
    seek: list[str] = []
    if number > 0:
        # Between two pictures, and nearer to the second, as ffmpeg rounds to ticks of the file.
        before, begin = times.stamps[number - 1 : number + 1]
        place = (begin - (begin - before) / 4) / 1_000_000 + times.shift
        seek = ["-seek_timestamp", "1", "-ss", f"{place:.6f}"]
    form = ("png", "rgba") if transparent else ("bmp", "bgr24")
    command = ffmpeg_command(
        [
            *seek,
            *(("-c:v", decoder) if decoder else ()),
            *("-i", file_url(source), "-map", "0:V:0", "-fps_mode", "passthrough"),
            *("-sws_flags", "accurate_rnd+full_chroma_int", "-f", "image2pipe"),
            *("-c:v", form[0], "-pix_fmt", form[1], "-compression_level", "1", "pipe:1"),
        ]
    )
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    except FileNotFoundError:
        raise missing_program(command[0]) from None


async def _tail(output: StreamReader) -> bytes:
    tail = b""
    while data := await output.read(_LOG_BYTES):
        tail = (tail + data)[-_LOG_BYTES:]
    return tail


async def _bmp(output: StreamReader) -> bytes:
    head = await output.readexactly(6)
    return head + await output.readexactly(int.from_bytes(head[2:], "little") - 6)


async def _png(output: StreamReader) -> bytes:
    parts = [await output.readexactly(_PNG_HEAD)]
    while b"IEND" not in parts[-1][4:8]:
        head = await output.readexactly(8)
        parts.append(head + await output.readexactly(int.from_bytes(head[:4], "big") + 4))
    return b"".join(parts)


def _name(source: Path | str) -> str:
    return source.name if isinstance(source, Path) else source


@contextlib.asynccontextmanager
async def open_pictures() -> AsyncIterator[VideoPictures]:
    """Decode pictures for a context."""
    pictures = VideoPictures()
    try:
        yield pictures
    finally:
        await pictures.close()
