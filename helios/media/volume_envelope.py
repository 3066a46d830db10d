"""A track's volume over time, as ffmpeg's filters and expressions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd

from helios.media.audio_track import AudioTrack

#: Shortest block of samples of constant volume, the precision of volume steps.
MIN_VOLUME_BLOCK = 64
#: Tolerated difference between a line of volume and the volume of each frame.
VOLUME_TOLERANCE = 1e-4


@dataclass(frozen=True)
class VolumePiece:
    """A line of a track's volume: first sample, value there, and change per sample."""

    start: int
    value: float
    slope: float = 0.0


def volume_pieces(track: AudioTrack, *, start: int, sample_rate: int) -> list[VolumePiece]:
    """Return a track's volume as lines, the first of which begins at or before its first sample.

    `start` is the track's first sample on the timeline.
    """
    pieces = [VolumePiece(0, track.volume)]
    points = [
        (round(seconds * sample_rate) - start, volume, ramped)
        for seconds, volume, ramped in sorted(track.volume_points, key=lambda point: point[0])
    ]
    before: tuple[int, float] | None = None
    for position, volume, ramped in without_straight_points(points):
        if ramped and before is not None and position > before[0]:
            begin, value = before
            _put(pieces, VolumePiece(begin, value, (volume - value) / (position - begin)))
        _put(pieces, VolumePiece(position, volume))
        before = (position, volume)
    return _from_the_start(pieces)


def _put(pieces: list[VolumePiece], piece: VolumePiece) -> None:
    while pieces and pieces[-1].start >= piece.start:
        pieces.pop()
    pieces.append(piece)


def _from_the_start(pieces: list[VolumePiece]) -> list[VolumePiece]:
    """Return the lines without those that end before the clip begins."""
    first = max((n for n, piece in enumerate(pieces) if piece.start <= 0), default=0)
    return pieces[first:]


_Point = tuple[int, float, bool]


def without_straight_points(points: Sequence[_Point]) -> list[_Point]:
    """Return the points without those of ramps that are, within `VOLUME_TOLERANCE`, on a line.

    A tween that is sampled at each frame becomes a few lines.
    """
    kept: list[_Point] = []
    lowest, highest = float("-inf"), float("inf")
    for number, (position, volume, ramped) in enumerate(points):
        last = number + 1 == len(points) or not points[number + 1][2]
        if kept and ramped and position > kept[-1][0]:
            anchor = kept[-1]
            length = position - anchor[0]
            slope = (volume - anchor[1]) / length
            if not lowest <= slope <= highest:
                anchor = points[number - 1]
                kept.append(anchor)
                lowest, highest = float("-inf"), float("inf")
                length = position - anchor[0]
                slope = (volume - anchor[1]) / length
            lowest = max(lowest, slope - VOLUME_TOLERANCE / length)
            highest = min(highest, slope + VOLUME_TOLERANCE / length)
            if not last:
                continue
        kept.append((position, volume, ramped))
        lowest, highest = float("-inf"), float("inf")
    return kept


def volume_steps(pieces: Sequence[VolumePiece], *, sample_rate: int) -> list[str]:
    """Return the filters for a volume without ramps."""
    steps = [(max(0, piece.start), piece.value) for piece in pieces]
    if len(steps) == 1:
        return [] if steps[0][1] == 1 else [f"volume={steps[0][1]:.9g}:precision=float"]
    # The filter applies one volume per block of samples, so blocks have to end at steps.
    block = reduce(gcd, (position for position, _ in steps))
    block = next(n for n in range(min(block, sample_rate), 0, -1) if block % n == 0)
    # Half a sample early, as times are floating-point numbers.
    bounds = [f"t,{(position - 0.5) / sample_rate:.9f}" for position, _ in steps]
    expression = _tree([f"{value:.9g}" for _, value in steps], bounds)
    return [
        f"asetnsamples=n={max(block, MIN_VOLUME_BLOCK)}:p=0",
        f"volume=volume='{expression}':eval=frame:precision=float",
    ]


def lines_expression(pieces: Sequence[VolumePiece]) -> str:
    """Return ffmpeg's expression, in samples `n`, for a volume of lines."""
    lines = [
        f"{piece.value:.9g}+{piece.slope:.12g}*(n-({piece.start}))"
        if piece.slope
        else f"{piece.value:.9g}"
        for piece in pieces
    ]
    return _tree(lines, [f"n,{piece.start}" for piece in pieces])


def _tree(values: Sequence[str], bounds: Sequence[str]) -> str:
    """Return ffmpeg's expression for values from bounds on, as a binary search."""
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    lower = _tree(values[:middle], bounds[:middle])
    upper = _tree(values[middle:], bounds[middle:])
    return f"if(lt({bounds[middle]}),{lower},{upper})"
