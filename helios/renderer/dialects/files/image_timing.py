"""Reads size and timing of animated images from their headers, without decoding a picture.

Chromium's `ImageDecoder` decodes the pictures, but size and rate are needed before a browser runs.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from helios.errors import ChunkOutputInvalid, CompositionInvalid
from helios.mp4.reader import read_movie
from helios.mp4.track import NotSpliceable

#: What is shown for less is shown for a tenth of a second, as in browsers.
_SHORTEST, _IN_ITS_PLACE = Fraction(11, 1000), Fraction(1, 10)
#: Formats round the time at which a picture begins, GIF to hundredths of a second.
_ROUNDING = Fraction(1, 100)
#: Highest rate at which pictures of unequal length are all shown exactly.
_HIGHEST = 100
_OTHERWISE = Fraction(60)


@dataclass(frozen=True)
class ImageTiming:
    """Media type, size in pixels, and the seconds that each picture is shown for."""

    media_type: str
    width: int
    height: int
    lengths: tuple[Fraction, ...]

    @property
    def seconds(self) -> Fraction:
        """Length of one round."""
        return sum(self.lengths, Fraction(0))

    @property
    def rate(self) -> Fraction:
        """The rate at which each frame shows one picture, or at which all pictures begin exactly.

        If that is above 100 frames per second, 60.
        """
        mean = len(self.lengths) / self.seconds
        if len(set(self.lengths)) == 1:
            return mean
        for rate in (Fraction(round(mean)), mean):
            if self._is_one_each(rate):
                return rate
        step = self.lengths[0]
        for length in self.lengths:
            scale = step.denominator * length.denominator
            step = Fraction(math.gcd(int(step * scale), int(length * scale)), scale)
        return 1 / step if 1 / step <= _HIGHEST else _OTHERWISE

    def _is_one_each(self, rate: Fraction) -> bool:
        if not rate or round(self.seconds * rate) != len(self.lengths):
            return False
        ends = list(accumulate(self.lengths))
        begins = [Fraction(0), *ends[:-1]]
        times = (Fraction(n) / rate for n in range(len(ends)))
        return all(
            0 <= time - begin < _ROUNDING and time < end
            for begin, time, end in zip(begins, times, ends, strict=True)
        )


def read_timing(path: Path, data: bytes) -> ImageTiming:
    """Return size and timing of a GIF, APNG, WebP or AVIF file.

    Raises:
        CompositionInvalid: It is none of these, is damaged, or holds one picture only.
    """
    try:
        if data.startswith(b"GIF8"):
            kind, (width, height, lengths) = "gif", _gif(data)
        elif data.startswith(b"\x89PNG\r\n\x1a\n"):
            kind, (width, height, lengths) = "png", _png(data)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            kind, (width, height, lengths) = "webp", _webp(data)
        elif data[4:8] == b"ftyp":
            kind, (width, height, lengths) = "avif", _avif(path, len(data))
        else:
            raise CompositionInvalid(f"{path.name}: is neither GIF, PNG, WebP nor AVIF")
    except (struct.error, IndexError, ValueError, ChunkOutputInvalid, NotSpliceable) as fault:
        raise CompositionInvalid(f"{path.name}: is damaged ({fault})") from fault
    if len(lengths) < 2:
        raise CompositionInvalid(
            f"{path.name}: isn't animated", hint="Show still images in a page: <img src=...>."
        )
    shown = tuple(length if length >= _SHORTEST else _IN_ITS_PLACE for length in lengths)
    return ImageTiming(f"image/{kind}", width, height, shown)


_Parts = tuple[int, int, list[Fraction]]


def _gif(data: bytes) -> _Parts:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    lengths, delay = [], 0
    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delay = struct.unpack_from("<H", data, at + 4)[0]
            at += 2
        elif data[at] == 0x2C:
            lengths.append(Fraction(delay, 100))
            delay = 0
            table = data[at + 9]
            at += 11 + (3 << (table & 7) + 1 if table & 0x80 else 0)
        else:
            raise ValueError(f"unknown block at byte {at}")
        while data[at]:
            at += data[at] + 1
        at += 1
    return width, height, lengths


def _png(data: bytes) -> _Parts:
    width, height = struct.unpack_from(">II", data, 16)
    lengths = []
    at = 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"fcTL":
            over, under = struct.unpack_from(">HH", data, at + 28)
            lengths.append(Fraction(over, under or 100))
        at += size + 12
    return width, height, lengths


def _webp(data: bytes) -> _Parts:
    width = height = 0
    lengths = []
    for name, at in _riff_chunks(data):
        if name == b"VP8X":
            width, height = (
                1 + int.from_bytes(data[at + n : at + n + 3], "little") for n in (4, 7)
            )
        elif name == b"ANMF":
            lengths.append(Fraction(int.from_bytes(data[at + 12 : at + 15], "little"), 1000))
    return width, height, lengths


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name, at + 8
        at += 8 + size + size % 2


def _avif(path: Path, size: int) -> _Parts:
    """Read the track of pictures; still images have none, and no index."""
    track = next((one for one in read_movie(path).tracks if one.kind == "pict"), None)
    if track is None:
        return 0, 0, []
    # An index of a few bytes can name billions of pictures, each of which takes a byte at least.
    count = sum(pictures for pictures, _ in track.durations)
    if count != track.sample_count or count > size:
        raise ValueError("its index contradicts itself")
    if not track.timescale:
        raise ValueError("its timescale is 0")
    width, height = (side >> 16 for side in struct.unpack(">II", track.geometry[-8:]))
    lengths = [
        Fraction(length, track.timescale) for count, length in track.durations for _ in range(count)
    ]
    return width, height, lengths
