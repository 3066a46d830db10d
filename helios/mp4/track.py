"""Tracks of MP4 and QuickTime files, as their index describes them."""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, repeat
from pathlib import Path

from helios.errors import ChunkOutputInvalid


class NotSpliceable(Exception):
    """A file, valid or not, whose index is of a kind that this package doesn't read."""


@dataclass(frozen=True)
class Track:
    """One stream of a movie.

    Args:
        kind: `vide`, `soun` or another handler type.
        timescale: Ticks per second.
        sample_entry: Codec, size and decoder configuration, as in the file, without incidental
            boxes.
        geometry: Matrix, width and height as in the track's header.
        sizes: Bytes of each sample, or one number for all of them.
        sample_count: Number of samples.
        chunks: Position in the file and number of samples of each run of samples.
        durations: Runs of (number of samples, ticks each).
        shifts: Runs of (number of samples, ticks from decoding to showing).
        keyframes: Positions of the keyframes; None if every sample is a keyframe.
        edits: Edit list: (duration in the movie's ticks, start in the track's ticks); a start of -1
            is an empty edit.
        raw: Payload of the `trak` box.
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
        """Four-character code of the sample entry, such as `avc1`."""
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
        """Most frequent duration of samples in ticks; None for a single sample."""
        if self.sample_count < 2:
            return None
        weights: Counter[int] = Counter()
        for count, delta in self.durations:
            weights[delta] += count
        return weights.most_common(1)[0][0]

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second; None for a single frame."""
        delta = self.frame_ticks
        return Fraction(self.timescale, delta) if delta else None

    def sample_size(self, position: int) -> int:
        """Return the bytes of one sample."""
        return self.sizes if isinstance(self.sizes, int) else self.sizes[position]

    def presentation_order(self) -> list[int]:
        """Return, in decoding order, each frame's position in presentation order.

        Raises `NotSpliceable` if the frames aren't evenly spaced, or an edit list hides some of
        them.
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
        """Return each frame's presentation time in ticks, in decoding order."""
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
    """An MP4 or QuickTime file; `timescale` is in ticks per second of the movie's clock."""

    path: Path
    quicktime: bool
    timescale: int
    tracks: Sequence[Track]

    def track(self, kind: str) -> Track | None:
        """Return the first track of a kind (`vide`, `soun`)."""
        return next((track for track in self.tracks if track.kind == kind), None)

    def video(self) -> Track:
        """Return the video track.

        Raises `ChunkOutputInvalid` if there is none, or it is empty.
        """
        track = self.track("vide")
        if track is None or track.sample_count == 0:
            raise ChunkOutputInvalid(f"{self.path} holds no video")
        return track
