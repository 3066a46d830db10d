"""Inserts repeated frames into an H.264 video that was encoded without them.

The encoder receives a long-standing picture only a few times, which leaves a gap in the video. The
gap is filled with frames that repeat the picture, about forty bytes each, so that all frames last
equally long.
"""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from helios.errors import EncodeFailed
from helios.mp4.boxes import VISUAL_ENTRY_BYTES, boxes
from helios.mp4.reader import read_movie
from helios.mp4.splice import splice
from helios.mp4.track import Track
from helios.renderer.encoding.h264_headers import (
    HEADER_BYTES,
    IDR_SLICE,
    SLICE,
    ParameterSets,
    SliceHeader,
    parameter_sets,
    slice_header,
)
from helios.renderer.encoding.h264_repeats import repeats


@dataclass(frozen=True)
class _Sample:
    """An encoded frame: its place in the file in bytes, and its number on the timeline."""

    offset: int
    size: int
    number: int
    keyframe: bool = False


@dataclass(frozen=True)
class _Gap:
    """A run of missing frames, which repeat the sample `shown_last`; they precede `before`.

    Both are positions of samples in decoding order.
    """

    before: int
    shown_last: int
    count: int


def fill_held_frames(video: Path, *, output: Path, frame_count: int, rate: Fraction) -> None:
    """Write a video with its missing frames filled in, so that it has `frame_count` frames.

    The video is H.264 in an MP4 or QuickTime file, with a keyframe after every gap. It is modified;
    the output is of the same kind. Raises `EncodeFailed` if it isn't in the form that our encoder
    writes.
    """
    movie = read_movie(video)
    track = movie.track("vide")
    if track is None:
        raise EncodeFailed(f"{video.name}: holds no video")
    ticks = int(track.timescale / rate)
    samples = _samples(track, ticks)
    gaps = _gaps(samples, frame_count)
    if not gaps:
        video.replace(output)
        return
    filled = _filled(video, samples, gaps, _parameter_sets(track))
    splice(
        [replace(movie, tracks=[_track_of(track, filled, ticks)])],
        audio=None,
        output=output,
        quicktime=movie.quicktime,
    )


def _samples(track: Track, ticks: int) -> list[_Sample]:
    """Return a track's frames, in decoding order."""
    times = track.shown_at()
    first = min(times)
    keys = set(range(track.sample_count) if track.keyframes is None else track.keyframes)
    return [
        _Sample(offset, size, (time - first) // ticks, position in keys)
        for position, ((offset, size), time) in enumerate(zip(track.samples(), times, strict=True))
    ]


def _gaps(samples: Sequence[_Sample], frame_count: int) -> list[_Gap]:
    decoded = {sample.number: position for position, sample in enumerate(samples)}
    return [
        _Gap(decoded.get(following, len(samples)), decoded[number], following - number - 1)
        for number, following in pairwise([*sorted(decoded), frame_count])
        if following > number + 1
    ]


def _filled(
    video: Path, samples: Sequence[_Sample], gaps: Sequence[_Gap], sets: ParameterSets
) -> list[_Sample]:
    """Append the missing frames to the file; return all samples in decoding order."""
    found: list[_Sample] = []
    done = 0
    with video.open("r+b") as file:

        def header(position: int) -> SliceHeader:
            file.seek(samples[position].offset)
            return slice_header(_first_slice(file.read(samples[position].size)), sets)

        for gap in gaps:
            before = map(header, range(gap.before - 1, -1, -1))
            units = repeats(
                header(gap.shown_last),
                newest_frame_num=next(one.frame_num for one in before if one.is_reference),
                count=gap.count,
                sets=sets,
            )
            found += samples[done : gap.before]
            done = gap.before
            offset = file.seek(0, os.SEEK_END)
            first = samples[gap.shown_last].number + 1
            for number, unit in enumerate(units, first):
                size = file.write(struct.pack(">I", len(unit)) + unit)
                found.append(_Sample(offset, size, number))
                offset += size
    return [*found, *samples[done:]]


def _track_of(track: Track, samples: Sequence[_Sample], ticks: int) -> Track:
    """Return a track of these samples, each `ticks` long."""
    return replace(
        track,
        sizes=[sample.size for sample in samples],
        sample_count=len(samples),
        chunks=[(sample.offset, 1) for sample in samples],
        durations=[(len(samples), ticks)],
        shifts=[(1, (sample.number - n) * ticks) for n, sample in enumerate(samples)],
        keyframes=[n for n, sample in enumerate(samples) if sample.keyframe],
        edits=(),
    )


def _parameter_sets(track: Track) -> ParameterSets:
    """Read the parameter sets of an `avcC` box (ISO/IEC 14496-15, 5.3.3.1)."""
    inner = dict(boxes(memoryview(track.sample_entry)[VISUAL_ENTRY_BYTES:]))
    data = bytes(inner[b"avcC"])
    (size,) = struct.unpack(">H", data[6:8])
    sps, rest = data[8 : 8 + size], data[8 + size :]
    (size,) = struct.unpack(">H", rest[1:3])
    return parameter_sets(sps, rest[3 : 3 + size])


def _first_slice(sample: bytes) -> bytes:
    at = 0
    while at + 4 < len(sample):
        (size,) = struct.unpack(">I", sample[at : at + 4])
        if sample[at + 4] & 31 in (SLICE, IDR_SLICE):
            return sample[at + 4 : at + 4 + min(size, HEADER_BYTES)]
        at += 4 + size
    raise EncodeFailed("the encoder wrote a frame without a slice")
