"""Reads the index of an MP4 or QuickTime file (ISO/IEC 14496-12).

The index (`moov`) tells where each sample lies, how long it lasts and when it is shown. Reading it
costs a few kilobytes whatever the size of the file, so that chunk outputs can be checked and
joined without starting a program for each.
"""

import os
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import BinaryIO

from helios.errors import ChunkOutputInvalid

#: Bytes of a video sample entry before its own boxes (ISO/IEC 14496-12, 12.1.3).
VISUAL_ENTRY_BYTES = 86
#: Boxes that may differ between files encoded alike: bit rates.
_INCIDENTAL_BOXES = frozenset({b"btrt"})
_TOP_LEVEL = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"})


class NotSpliceable(Exception):
    """A file that may be fine, but whose index is of a kind that isn't read here."""


@dataclass(frozen=True)
class Track:
    """One stream of a movie.

    Parameters
    ----------
    kind:
        `vide`, `soun` or another handler type.
    timescale:
        Ticks a second.
    sample_entry:
        Codec, size and set-up data of the decoder, as in the file, without incidental boxes.
    geometry:
        Matrix, width and height as in the track's header.
    sizes:
        Bytes of each sample, or one number if all are alike.
    sample_count:
        Number of samples.
    chunks:
        Position in the file and number of samples of each run of samples.
    durations:
        Runs of (number of samples, ticks each).
    shifts:
        Runs of (number of samples, ticks from decoding to showing).
    keyframes:
        Positions of the keyframes, None if every sample is one.
    edits:
        Edit list: (duration in the movie's ticks, start in the track's ticks), -1 for silence.
    raw:
        The whole `trak` box's payload.
    """

    kind: str
    timescale: int
    sample_entry: bytes
    geometry: bytes
    sizes: Sequence[int] | int
    sample_count: int
    chunks: Sequence[tuple[int, int]]
    durations: Sequence[tuple[int, int]]
    shifts: Sequence[tuple[int, int]]
    keyframes: Sequence[int] | None
    edits: Sequence[tuple[int, int]]
    raw: bytes

    @property
    def codec(self) -> str:
        """The sample entry's four letters, such as `avc1`."""
        return self.sample_entry[4:8].decode("latin-1")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of a video track."""
        width, height = struct.unpack(">HH", self.sample_entry[32:36])
        return width, height

    @property
    def ticks(self) -> int:
        """Sum of the samples' durations in ticks."""
        return sum(count * delta for count, delta in self.durations)

    @property
    def frame_ticks(self) -> int | None:
        """Ticks that most samples last; None if a single sample leaves that open."""
        if self.sample_count < 2:
            return None
        weights: Counter[int] = Counter()
        for count, delta in self.durations:
            weights[delta] += count
        return weights.most_common(1)[0][0]

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames a second; None if a single frame leaves that open."""
        delta = self.frame_ticks
        return Fraction(self.timescale, delta) if delta else None

    def sample_size(self, position: int) -> int:
        """Return the bytes of one sample."""
        return self.sizes if isinstance(self.sizes, int) else self.sizes[position]

    def presentation_order(self) -> list[int]:
        """Return the place in order of showing of each frame in order of decoding.

        Raises
        ------
        NotSpliceable
            The frames aren't evenly spaced, or an edit list hides some of them.
        """
        times = self.shown_at()
        first = min(times, default=0)
        delta = self.frame_ticks or 1
        places = [(time - first) // delta for time in times]
        even = all((time - first) % delta == 0 for time in times)
        if not even or sorted(places) != list(range(len(places))):
            raise NotSpliceable("its frames aren't evenly spaced")
        if any(start not in (0, first) for _, start in self.edits) or len(self.edits) > 1:
            raise NotSpliceable("it has an edit list")
        return places

    def shown_at(self) -> list[int]:
        """Return the tick at which each frame is shown, in order of decoding."""
        deltas = chain.from_iterable(repeat(delta, count) for count, delta in self.durations)
        decoded_at = accumulate(deltas, initial=0)
        runs = self.shifts or [(self.sample_count, 0)]
        shifts = chain.from_iterable(repeat(shift, count) for count, shift in runs)
        return [time + shift for time, shift in zip(decoded_at, shifts, strict=False)]

    def samples(self) -> Iterator[tuple[int, int]]:
        """Yield the position in the file and the bytes of each sample."""
        position = 0
        for offset, count in self.chunks:
            at = offset
            for sample in range(position, position + count):
                size = self.sample_size(sample)
                yield at, size
                at += size
            position += count


@dataclass(frozen=True)
class Movie:
    """An MP4 or QuickTime file. `timescale`: ticks a second of the movie's own clock."""

    path: Path
    quicktime: bool
    timescale: int
    tracks: Sequence[Track]

    def track(self, kind: str) -> Track | None:
        """Return the first track of a kind (`vide`, `soun`)."""
        return next((track for track in self.tracks if track.kind == kind), None)


def read_movie(path: Path) -> Movie:
    """Read the index of an MP4 or QuickTime file.

    Raises
    ------
    ChunkOutputInvalid
        The file is missing, cut short, or damaged.
    NotSpliceable
        It is another kind of file, or fragmented.
    """
    try:
        with path.open("rb") as file:
            bytes_in_file = os.fstat(file.fileno()).st_size
            brand, moov = _top_level(file, path=path, bytes_in_file=bytes_in_file)
        movie = _movie(path, brand=brand, moov=moov)
    except OSError as fault:
        raise ChunkOutputInvalid(f"{path} can't be read: {fault.strerror}") from fault
    except (struct.error, IndexError, KeyError, ValueError) as fault:
        raise ChunkOutputInvalid(f"{path} is damaged: its index doesn't parse") from fault
    for track in movie.tracks:
        _require_whole(track, path=path, bytes_in_file=bytes_in_file)
    return movie


def _top_level(file: BinaryIO, *, path: Path, bytes_in_file: int) -> tuple[bytes, memoryview]:
    if bytes_in_file == 0:
        raise ChunkOutputInvalid(f"{path} is empty")
    brand, moov, at = b"", None, 0
    while at + 8 <= bytes_in_file:
        file.seek(at)
        head = file.read(16)
        size, name = struct.unpack(">I4s", head[:8])
        header = 8
        if name not in _TOP_LEVEL and at == 0:
            raise NotSpliceable("it is neither MP4 nor QuickTime")
        if name == b"moof":
            raise NotSpliceable("it is fragmented")
        if size == 1:
            size, header = struct.unpack(">Q", head[8:16])[0], 16
        size = size or bytes_in_file - at
        if size < header or at + size > bytes_in_file:
            raise ChunkOutputInvalid(f"{path} is cut short")
        if name in (b"ftyp", b"moov"):
            file.seek(at + header)
            payload = file.read(size - header)
            if name == b"ftyp":
                brand = payload[:4]
            else:
                moov = memoryview(payload)
        at += size
    if moov is None:
        raise ChunkOutputInvalid(f"{path} is cut short: it has no index")
    return brand, moov


def boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the type and payload of each box in a container's payload."""
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        size = size or len(data) - at
        if size < header or at + size > len(data):
            raise ValueError("a box reaches beyond its container")
        yield name, data[at + header : at + size]
        at += size


def _movie(path: Path, *, brand: bytes, moov: memoryview) -> Movie:
    children = list(boxes(moov))
    if any(name == b"mvex" for name, _ in children):
        raise NotSpliceable("it is fragmented")
    header = dict(children)[b"mvhd"]
    at = 20 if header[0] == 1 else 12
    return Movie(
        path=path,
        quicktime=brand in (b"qt  ", b""),
        timescale=struct.unpack(">I", header[at : at + 4])[0],
        tracks=[_track(payload) for name, payload in children if name == b"trak"],
    )


def _track(trak: memoryview) -> Track:
    parts = dict(boxes(trak))
    media = dict(boxes(parts[b"mdia"]))
    table = dict(boxes(dict(boxes(media[b"minf"]))[b"stbl"]))
    header = media[b"mdhd"]
    at = 20 if header[0] == 1 else 12
    kind = bytes(media[b"hdlr"][8:12]).decode("latin-1")
    sizes, count = _sizes(table[b"stsz"])
    return Track(
        kind=kind,
        timescale=struct.unpack(">I", header[at : at + 4])[0],
        sample_entry=_sample_entry(table[b"stsd"], kind=kind),
        geometry=bytes(parts[b"tkhd"][-44:]),
        sizes=sizes,
        sample_count=count,
        chunks=_chunks(table),
        durations=_pairs(table[b"stts"], "II"),
        shifts=_pairs(table[b"ctts"], "Ii") if b"ctts" in table else [],
        keyframes=[n - 1 for n in _numbers(table[b"stss"])] if b"stss" in table else None,
        edits=_edits(parts.get(b"edts")),
        raw=bytes(trak),
    )


def _sample_entry(stsd: memoryview, *, kind: str) -> bytes:
    if struct.unpack(">I", stsd[4:8])[0] != 1:
        raise NotSpliceable("a stream changes its codec parameters on the way")
    entry = bytes(stsd[8 : 8 + struct.unpack(">I", stsd[8:12])[0]])
    if kind != "vide":
        return entry
    inner = [
        box(name, bytes(payload))
        for name, payload in boxes(memoryview(entry)[VISUAL_ENTRY_BYTES:])
        if name not in _INCIDENTAL_BOXES
    ]
    return box(entry[4:8], entry[8:VISUAL_ENTRY_BYTES] + b"".join(inner))


def box(name: bytes, payload: bytes) -> bytes:
    """Return a box with its size and type in front."""
    return struct.pack(">I4s", len(payload) + 8, name) + payload


def _sizes(stsz: memoryview) -> tuple[Sequence[int] | int, int]:
    common, count = struct.unpack(">II", stsz[4:12])
    if common:
        return common, count
    return struct.unpack(f">{count}I", stsz[12 : 12 + 4 * count]), count


def _numbers(table: memoryview, letter: str = "I") -> tuple[int, ...]:
    (count,) = struct.unpack(">I", table[4:8])
    width = struct.calcsize(letter)
    return struct.unpack(f">{count}{letter}", table[8 : 8 + count * width])


def _pairs(table: memoryview, letters: str) -> list[tuple[int, int]]:
    (count,) = struct.unpack(">I", table[4:8])
    return [(a, b) for a, b in struct.iter_unpack(f">{letters}", table[8 : 8 + 8 * count])]


def _chunks(table: dict[bytes, memoryview]) -> list[tuple[int, int]]:
    offsets = _numbers(table[b"stco"]) if b"stco" in table else _numbers(table[b"co64"], "Q")
    runs = list(struct.iter_unpack(">III", table[b"stsc"][8:]))
    chunks = []
    for number, (first, samples, _) in enumerate(runs):
        last = runs[number + 1][0] if number + 1 < len(runs) else len(offsets) + 1
        chunks += [(offsets[chunk - 1], samples) for chunk in range(first, last)]
    return chunks


def _edits(edts: memoryview | None) -> list[tuple[int, int]]:
    if edts is None:
        return []
    elst = dict(boxes(edts))[b"elst"]
    letters = ">QqI" if elst[0] == 1 else ">IiI"
    return [(duration, start) for duration, start, _ in struct.iter_unpack(letters, elst[8:])]


def _require_whole(track: Track, *, path: Path, bytes_in_file: int) -> None:
    if sum(count for _, count in track.chunks) != track.sample_count:
        raise ChunkOutputInvalid(f"{path} is damaged: its index contradicts itself")
    position = 0
    for offset, count in track.chunks:
        if isinstance(track.sizes, int):
            end = offset + count * track.sizes
        else:
            end = offset + sum(track.sizes[position : position + count])
        if end > bytes_in_file:
            raise ChunkOutputInvalid(f"{path} is cut short")
        position += count
