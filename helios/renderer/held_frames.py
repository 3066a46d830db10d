"""Frames that show the one before again, filled into a video that was encoded without them.

The encoder is given a picture that stands for long only a few times; the rest of its time is left
open. Here that time is filled with pictures that repeat it, each some forty bytes, and every frame
lasts as long as every other.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from helios.errors import EncodeFailed
from helios.renderer import h264
from helios.renderer.h264 import ParameterSets, SliceHeader
from helios.stitcher.movie import VISUAL_ENTRY_BYTES, Track, boxes, read_movie
from helios.stitcher.splice import splice

#: Bytes of a slice that its header lies in.
_HEADER_BYTES = 32


@dataclass(frozen=True)
class _Gap:
    """Frames that aren't there: they belong before a sample, and repeat another.

    Attributes
    ----------
    before:
        Position, in order of decoding, of the sample that they go before.
    shown_last:
        Position of the sample that is shown before them.
    first, count:
        The first one's number on the timeline, and how many they are.
    """

    before: int
    shown_last: int
    first: int
    count: int


def fill_held_frames(video: Path, *, output: Path, frame_count: int, rate: Fraction) -> None:
    """Write a video's frames with those that it lacks.

    Parameters
    ----------
    video:
        H.264 in an MP4 or QuickTime file, a keyframe after every gap. It grows.
    output:
        File to write, of the same kind.
    frame_count:
        Frames that it is to have.
    rate:
        Frames per second.

    Raises
    ------
    EncodeFailed
        The video isn't as our encoder writes it.
    """
    movie = read_movie(video)
    track = movie.track("vide")
    if track is None:
        raise EncodeFailed(f"{video.name}: holds no video")
    ticks = int(track.timescale / rate)
    times = track.shown_at()
    numbers = [(time - min(times)) // ticks for time in times]
    gaps = _gaps(numbers, frame_count)
    if not gaps:
        video.replace(output)
        return
    repeated = _repeats(video, track, gaps)
    filled = _filled(
        track, numbers, gaps, at=_append(video, repeated), repeated=repeated, ticks=ticks
    )
    splice([replace(movie, tracks=[filled])], audio=None, output=output, quicktime=movie.quicktime)


def _gaps(numbers: Sequence[int], frame_count: int) -> list[_Gap]:
    decoded = {number: position for position, number in enumerate(numbers)}
    shown = [*sorted(numbers), frame_count]
    gaps = []
    for number, following in pairwise(shown):
        if following > number + 1:
            before = decoded.get(following, len(numbers))
            gaps.append(_Gap(before, decoded[number], number + 1, following - number - 1))
    return gaps


def _repeats(video: Path, track: Track, gaps: Sequence[_Gap]) -> list[list[bytes]]:
    """Return what fills each gap, ready to be samples."""
    sets = _parameter_sets(track)
    spans = list(track.samples())
    found = []
    with video.open("rb") as file:

        def header(position: int) -> SliceHeader:
            offset, size = spans[position]
            file.seek(offset)
            return h264.slice_header(_first_slice(file.read(size)), sets)

        for gap in gaps:
            newest = next(
                one for one in map(header, range(gap.before - 1, -1, -1)) if one.is_reference
            )
            units = h264.repeats(
                header(gap.shown_last),
                newest_frame_num=newest.frame_num,
                count=gap.count,
                sets=sets,
            )
            found.append([struct.pack(">I", len(unit)) + unit for unit in units])
    return found


def _parameter_sets(track: Track) -> ParameterSets:
    """Read the parameter sets of an `avcC` box (ISO/IEC 14496-15, 5.3.3.1)."""
    inner = dict(boxes(memoryview(track.sample_entry)[VISUAL_ENTRY_BYTES:]))
    data = bytes(inner[b"avcC"])
    (size,) = struct.unpack(">H", data[6:8])
    sps, rest = data[8 : 8 + size], data[8 + size :]
    (size,) = struct.unpack(">H", rest[1:3])
    return h264.parameter_sets(sps, rest[3 : 3 + size])


def _first_slice(sample: bytes) -> bytes:
    at = 0
    while at + 4 < len(sample):
        (size,) = struct.unpack(">I", sample[at : at + 4])
        if sample[at + 4] & 31 in (h264.SLICE, h264.IDR_SLICE):
            return sample[at + 4 : at + 4 + min(size, _HEADER_BYTES)]
        at += 4 + size
    raise EncodeFailed("the encoder wrote a frame without a slice")


def _append(video: Path, repeated: Sequence[Sequence[bytes]]) -> int:
    """Put the frames behind everything else in the file; return where they begin."""
    with video.open("ab") as file:
        start = file.tell()
        for units in repeated:
            file.write(b"".join(units))
    return start


def _filled(
    track: Track,
    numbers: Sequence[int],
    gaps: Sequence[_Gap],
    *,
    at: int,
    repeated: Sequence[Sequence[bytes]],
    ticks: int,
) -> Track:
    """Return the track with its gaps filled, every frame `ticks` long."""
    spans = list(track.samples())
    places: list[int] = []
    sizes: list[int] = []
    chunks: list[tuple[int, int]] = []
    keyframes: list[int] = []
    originals = range(track.sample_count) if track.keyframes is None else track.keyframes
    keys = set(originals)

    def copy(positions: range) -> None:
        for position in positions:
            if position in keys:
                keyframes.append(len(places))
            places.append(numbers[position])
            sizes.append(spans[position][1])
            chunks.append((spans[position][0], 1))

    done = 0
    for gap, units in zip(gaps, repeated, strict=True):
        copy(range(done, gap.before))
        done = gap.before
        chunks.append((at, len(units)))
        places += range(gap.first, gap.first + gap.count)
        sizes += [len(unit) for unit in units]
        at += sum(sizes[-len(units) :])
    copy(range(done, track.sample_count))
    return replace(
        track,
        sizes=sizes,
        sample_count=len(places),
        chunks=chunks,
        durations=[(len(places), ticks)],
        shifts=[(1, (place - decoded) * ticks) for decoded, place in enumerate(places)],
        keyframes=keyframes,
        edits=(),
    )
