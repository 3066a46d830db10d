"""Writes chunks and their audio as segments of fragmented MP4 for streaming.

Samples are copied unchanged. Layouts, and section numbers in parentheses: ISO/IEC 14496-12.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import BinaryIO

from helios.errors import ChunkOutputInvalid
from helios.mp4.boxes import (
    box,
    boxes,
    edit_list,
    full_box,
    mdat_header,
    movie_header,
    track_header,
)
from helios.mp4.compatibility import difference_between
from helios.mp4.track import Movie, NotSpliceable, Track
from helios.output import whole_output

_VIDEO, _SOUND = 1, 2
#: Flags of a sample (8.8.3.1): a keyframe depends on no other, others do.
_KEYFRAME, _OTHER = 0x02000000, 0x01010000
#: Flags of track fragments (8.8.7.1) and runs of samples (8.8.8.1).
_FROM_MOOF, _DURATION, _FLAGS = 0x020000, 0x000008, 0x000020
_RUN_OFFSET, _RUN_DURATIONS, _RUN_SIZES, _RUN_FLAGS, _RUN_SHIFTS = 0x1, 0x100, 0x200, 0x400, 0x800

#: Least number of frames by which decoding precedes presentation, as B-frames require: a very
#: short first chunk may need fewer than the others.
_MIN_DELAY = 2

_Spans = Sequence[tuple[int, int]]


class Fragments:
    """The segments of a video, one for each chunk.

    Frames have the same presentation times as in the stitched video.

    Raises `NotSpliceable` if the chunk's clock doesn't count in whole frames, and
    `ChunkOutputInvalid` if it contains no video.

    Args:
        first: The first chunk's output; the others are of the same kind.
        rate: Frames per second.
        audio: The audio of the whole video; None for silence.
    """

    def __init__(self, first: Movie, *, rate: Fraction, audio: Movie | None) -> None:
        self._track = first.video()
        ticks = self._track.timescale / rate
        if ticks.denominator != 1:
            raise NotSpliceable(f"its clock doesn't count in frames of {rate} a second")
        self._ticks = int(ticks)
        places = enumerate(self._track.presentation_order())
        self._delay = max(_MIN_DELAY, *(sample - place for sample, place in places))
        self._rate = rate
        self._audio = audio
        self._sound = audio.track("soun") if audio else None
        self._packets = list(self._sound.samples()) if self._sound else []
        self._packet_ticks = _durations(self._sound) if self._sound else []
        self._starts = list(accumulate(self._packet_ticks, initial=-self._priming))

    def initialization(self) -> bytes:
        """Return the initialization segment: codecs and tracks without samples."""
        tracks = [_trak(_VIDEO, self._track, start=self._delay * self._ticks, volume=0)]
        if self._sound:
            tracks.append(_trak(_SOUND, self._sound, start=self._priming, volume=0x100))
        extends = b"".join(
            full_box(b"trex", struct.pack(">IIIII", number, 1, 0, 0, 0))
            for number in range(1, len(tracks) + 1)
        )
        header = movie_header(self._track.timescale, 0, track_count=len(tracks))
        moov = header + b"".join(tracks) + box(b"mvex", extends)
        ftyp = b"iso6" + struct.pack(">I", 0x200) + b"iso6mp41"
        return box(b"ftyp", ftyp) + box(b"moov", moov)

    def write_segment(self, chunk: Movie, output: Path, *, number: int, frames: range) -> None:
        """Write the segment of one chunk, with the audio packets that begin in it.

        Raises `ChunkOutputInvalid` if the chunk differs in kind from the first one, or has another
        number of frames; `NotSpliceable` if its frames aren't evenly spaced; `OutputUnwritable` or
        `DiskFull` if the segment can't be written.

        Args:
            chunk: The chunk's output.
            output: File to write; it appears when complete.
            number: Its index among the segments, from 0.
            frames: Its frames on the timeline.
        """
        track = chunk.video()
        difference = difference_between(track, self._track)
        if track.sample_count != len(frames):
            difference = f"it has {track.sample_count} frames in place of {len(frames)}"
        if difference:
            raise ChunkOutputInvalid(f"{chunk.path}: {difference}")
        pictures = list(track.samples())
        packets = self._packets_of(frames)
        sound = [self._packets[packet] for packet in packets]
        sizes = (sum(size for _, size in pictures), sum(size for _, size in sound))
        mdat = mdat_header(sum(sizes))

        def moof(base: int) -> bytes:
            parts = full_box(b"mfhd", struct.pack(">I", number + 1))
            parts += self._video_fragment(track, start=frames.start, at=base)
            if packets:
                parts += self._sound_fragment(packets, at=base + sizes[0])
            return box(b"moof", parts)

        head = moof(len(moof(0)) + len(mdat)) + mdat
        with whole_output(output) as folder, (folder / "whole").open("wb") as target:
            target.write(head)
            _copy(chunk.path, pictures, target)
            if self._audio:
                _copy(self._audio.path, sound, target)

    @property
    def _priming(self) -> int:
        """Ticks at the start of the audio that decoders need and players skip."""
        return self._sound.edits[0][1] if self._sound and self._sound.edits else 0

    def _packets_of(self, frames: range) -> range:
        """Return the packets that begin during some frames; frame 0 includes those before."""
        if not self._sound:
            return range(0)
        clock = self._sound.timescale / self._rate
        begin = 0 if frames.start == 0 else self._packet_at(frames.start * clock)
        return range(begin, self._packet_at(frames.stop * clock))

    def _packet_at(self, tick: Fraction) -> int:
        return min(bisect_left(self._starts, tick), len(self._packets))

    def _video_fragment(self, track: Track, *, start: int, at: int) -> bytes:
        keyframes = None if track.keyframes is None else set(track.keyframes)
        samples = b"".join(
            struct.pack(
                ">IIi",
                track.sample_size(sample),
                _KEYFRAME if keyframes is None or sample in keyframes else _OTHER,
                (place - sample + self._delay) * self._ticks,
            )
            for sample, place in enumerate(track.presentation_order())
        )
        header = struct.pack(">II", _VIDEO, self._ticks)
        return box(
            b"traf",
            full_box(b"tfhd", header, flags=_FROM_MOOF | _DURATION)
            + full_box(b"tfdt", struct.pack(">Q", start * self._ticks), version=1)
            + _run(track.sample_count, samples, at, flags=_RUN_SIZES | _RUN_FLAGS | _RUN_SHIFTS),
        )

    def _sound_fragment(self, packets: range, *, at: int) -> bytes:
        samples = b"".join(
            struct.pack(">II", self._packet_ticks[packet], self._packets[packet][1])
            for packet in packets
        )
        begins = self._starts[packets.start] + self._priming
        header = struct.pack(">II", _SOUND, _KEYFRAME)
        return box(
            b"traf",
            full_box(b"tfhd", header, flags=_FROM_MOOF | _FLAGS)
            + full_box(b"tfdt", struct.pack(">Q", begins), version=1)
            + _run(len(packets), samples, at, flags=_RUN_DURATIONS | _RUN_SIZES),
        )


def _durations(track: Track) -> list[int]:
    return list(chain.from_iterable(repeat(ticks, count) for count, ticks in track.durations))


def _run(count: int, samples: bytes, at: int, *, flags: int) -> bytes:
    """Return a run of samples (8.8.8) whose bytes begin at an offset from the fragment's start."""
    payload = struct.pack(">Ii", count, at) + samples
    return full_box(b"trun", payload, version=1, flags=flags | _RUN_OFFSET)


def _trak(number: int, track: Track, *, start: int, volume: int) -> bytes:
    """Return a track without its samples."""
    header = track_header(number, 0, volume=volume, geometry=track.geometry)
    edits = edit_list(0, start) if start else b""
    media = dict(boxes(memoryview(track.raw)))[b"mdia"]
    return box(b"trak", header + edits + box(b"mdia", _emptied(boxes(media))))


def _emptied(container: Iterable[tuple[bytes, memoryview]]) -> bytes:
    result = b""
    for name, payload in container:
        inner = bytes(payload)
        if name == b"mdhd":
            at, length = (24, 8) if inner[0] == 1 else (16, 4)
            inner = inner[:at] + bytes(length) + inner[at + length :]
        elif name == b"minf":
            inner = _emptied(boxes(payload))
        elif name == b"stbl":
            inner = box(b"stsd", bytes(dict(boxes(payload))[b"stsd"]))
            inner += b"".join(full_box(table, bytes(4)) for table in (b"stts", b"stsc", b"stco"))
            inner += full_box(b"stsz", bytes(8))
        result += box(name, inner)
    return result


def _copy(source: Path, spans: _Spans, target: BinaryIO) -> None:
    with source.open("rb") as file:
        for offset, size in spans:
            file.seek(offset)
            data = file.read(size)
            if len(data) < size:
                raise ChunkOutputInvalid(f"{source} was truncated while it was read")
            target.write(data)
