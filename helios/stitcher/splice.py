"""Joins MP4 and QuickTime files by their indexes (ISO/IEC 14496-12).

The samples are copied as they are, by the kernel; only a new index is made. That costs about as
much as copying the files, puts the index in front of the samples ("fast start") without writing
anything twice, and counts time in whole frames, so that nothing is rounded at a seam.
"""

import math
import os
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, groupby
from pathlib import Path

from helios.errors import Cancelled, ChunkOutputInvalid
from helios.stitcher.headers import (
    MAX_U32,
    edit_list,
    full_box,
    mdat_header,
    movie_header,
    times,
    track_header,
)
from helios.stitcher.movie import VISUAL_ENTRY_BYTES, Movie, NotSpliceable, Track, box, boxes

#: Seconds of one stream that are laid down before the other's turn, as ffmpeg's muxer does.
INTERLEAVE_SECONDS = Fraction(1, 2)
#: Codecs whose set-up data mean the same in MP4 and in QuickTime files.
_SHARED_CODECS = frozenset({"avc1", "avc3", "hvc1", "hev1", "mp4v", "av01", "vp09"})
#: Largest number of bytes given to the kernel at once, so that a cancellation is soon seen.
_COPY_BYTES = 32 * 1024 * 1024
#: Bytes that the index and headers take at most in a file with 32-bit offsets.
_INDEX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class _Piece:
    """A run of samples: its time in seconds, and where its bytes come from."""

    time: Fraction
    audio: bool
    samples: int
    source: Path
    spans: Sequence[tuple[int, int]]

    @property
    def length(self) -> int:
        return sum(length for _, length in self.spans)


def splice(
    movies: Sequence[Movie],
    *,
    audio: Movie | None,
    output: Path,
    quicktime: bool,
    full_range: bool = False,
    stop: threading.Event | None = None,
) -> None:
    """Write one movie that shows `movies` one after another.

    Parameters
    ----------
    movies:
        Inputs; their video is joined, their audio left out.
    audio:
        Movie whose audio goes along, of the same family as the output.
    output:
        File to write.
    quicktime:
        Whether to write a QuickTime (.mov) in place of an MP4 file.
    full_range:
        Whether the colours use the full range, where the inputs' family doesn't say.
    stop:
        Once set, the call ends by raising `Cancelled`.

    Raises
    ------
    ChunkOutputInvalid
        An input is unlike the others, or doesn't start with a keyframe.
    NotSpliceable
        The inputs can't be joined by their indexes.
    """
    tracks = [_video(movie) for movie in movies]
    _require_alike(movies, tracks)
    timing = _Timing.of(tracks)
    entry = _entry_for(
        tracks[0], source=movies[0].quicktime, target=quicktime, full_range=full_range
    )
    pieces = _video_pieces(movies, tracks, rate=timing.rate)
    sound = audio.track("soun") if audio else None
    if audio and sound:
        pieces += _audio_pieces(audio.path, sound)
    pieces.sort(key=lambda piece: (piece.time, piece.audio))
    _write(
        output,
        pieces,
        index=lambda offsets: _moov(
            tracks,
            entry=entry,
            timing=timing,
            sound=sound,
            sound_clock=audio.timescale if audio else 1,
            pieces=pieces,
            offsets=offsets,
            quicktime=quicktime,
        ),
        ftyp=_ftyp(quicktime=quicktime, codec=tracks[0].codec),
        stop=stop or threading.Event(),
    )


def head_of(
    movies: Sequence[Movie],
    *,
    sizes: Sequence[int],
    quicktime: bool,
    audio: Movie | None = None,
    audio_bytes: int = 0,
) -> bytes:
    """Return what makes one movie of whole files that follow it: the index, and a box around them.

    The files' own headers and indexes stay between the frames, where nothing refers to them.

    Parameters
    ----------
    movies:
        The files; their video is joined.
    sizes:
        Bytes of each of them.
    quicktime:
        Whether to make a QuickTime (.mov) in place of an MP4 file.
    audio, audio_bytes:
        Movie whose audio goes along, of the same family as the output. Its file follows first.

    Raises
    ------
    ChunkOutputInvalid
        A file is unlike the others, or doesn't start with a keyframe.
    NotSpliceable
        The files can't be joined by their indexes, or hold sound, which has to be encoded anew.
    """
    if any(movie.track("soun") for movie in movies):
        raise NotSpliceable("they hold sound")
    tracks = [_video(movie) for movie in movies]
    _require_alike(movies, tracks)
    timing = _Timing.of(tracks)
    source = movies[0].quicktime
    if source and not quicktime:
        raise NotSpliceable("the range of their colours is known only to a decoder")
    entry = _entry_for(tracks[0], source=source, target=quicktime, full_range=False)
    runs = list(_runs_in_files(tracks, accumulate(sizes, initial=audio_bytes)))
    sound = audio.track("soun") if audio else None
    sound_runs = list(_runs_in_files([sound], [0])) if sound else []
    total = audio_bytes + sum(sizes)
    wide = total > MAX_U32 - _INDEX_BYTES

    def index(base: int) -> bytes:
        movie = movie_header(timing.timescale, timing.ticks, track_count=2 if sound else 1)
        placed = [(count, base + at) for count, at in runs]
        movie += _video_trak(
            tracks, entry=entry, timing=timing, runs=placed, quicktime=quicktime, wide=wide
        )
        if audio and sound:
            placed = [(count, base + at) for count, at in sound_runs]
            clock = audio.timescale
            movie += _sound_trak(sound, clock=clock, timing=timing, runs=placed, wide=wide)
        return box(b"moov", movie)

    ftyp, mdat = _ftyp(quicktime=quicktime, codec=tracks[0].codec), mdat_header(total)
    # The index's size depends on the width of the offsets in it only, never on their values.
    return ftyp + index(len(ftyp) + len(index(0)) + len(mdat)) + mdat


def _runs_in_files(tracks: Sequence[Track], starts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the frames, and the place, of each run of frames without anything between them."""
    for track, start in zip(tracks, starts, strict=False):
        count, first, end = 0, 0, -1
        for offset, size in track.samples():
            if offset != end:
                if count:
                    yield count, start + first
                count, first = 0, offset
            count += 1
            end = offset + size
        yield count, start + first


def _video(movie: Movie) -> Track:
    track = movie.track("vide")
    if track is None or track.sample_count == 0:
        raise ChunkOutputInvalid(f"{movie.path} holds no video")
    if track.keyframes is not None and 0 not in track.keyframes:
        raise ChunkOutputInvalid(f"{movie.path} doesn't start with a keyframe")
    return track


def _require_alike(movies: Sequence[Movie], tracks: Sequence[Track]) -> None:
    first = tracks[0]
    rate = next((track.frame_rate for track in tracks if track.frame_rate), None)
    faults = []
    for movie, track in zip(movies, tracks, strict=True):
        difference = difference_between(track, first)
        if track.frame_rate not in (None, rate):
            difference = f"it runs at {track.frame_rate} in place of {rate} frames a second"
        if difference:
            faults.append(f"{movie.path}: {difference}")
    if faults:
        raise ChunkOutputInvalid(
            f"inputs are unlike the first one, {movies[0].path}",
            hint="Render all chunks with the same size, frame rate, codec and quality.",
            details=faults,
        )


def difference_between(track: Track, first: Track) -> str:
    """Return in words how a video differs from the first one in kind; empty if it doesn't."""
    if track.codec != first.codec:
        return f"its codec is {track.codec} in place of {first.codec}"
    if track.size != first.size:
        width, height = track.size
        return f"it is {width}x{height} in place of {first.size[0]}x{first.size[1]}"
    if track.sample_entry != first.sample_entry:
        return f"its {track.codec} parameters (profile, level, colours) are not the same"
    return ""


@dataclass(frozen=True)
class _Timing:
    """When frames are decoded and shown: `places[n]` is the place in time of sample n."""

    timescale: int
    frame_ticks: int
    places: Sequence[int]
    #: Frames that decoding runs ahead of showing.
    delay: int

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> "_Timing":
        model = next((track for track in tracks if track.frame_ticks), tracks[0])
        places: list[int] = []
        for track in tracks:
            base = len(places)
            places += [base + place for place in track.presentation_order()]
        return cls(
            timescale=model.timescale,
            frame_ticks=model.frame_ticks or model.ticks or 1,
            places=places,
            delay=max(sample - place for sample, place in enumerate(places)),
        )

    @property
    def rate(self) -> Fraction:
        return Fraction(self.timescale, self.frame_ticks)

    @property
    def ticks(self) -> int:
        return len(self.places) * self.frame_ticks


def _entry_for(track: Track, *, source: bool, target: bool, full_range: bool) -> bytes:
    """Return the sample entry in the words of the output's family (QuickTime or MP4)."""
    if source == target:
        return track.sample_entry
    if track.codec not in _SHARED_CODECS:
        raise NotSpliceable(f"{track.codec} can't move between .mov and .mp4")
    head = bytearray(track.sample_entry[8:VISUAL_ENTRY_BYTES])
    head[8:24] = bytes(16)
    inner = b""
    for name, payload in boxes(memoryview(track.sample_entry)[VISUAL_ENTRY_BYTES:]):
        if name in (b"fiel", b"gama"):
            continue
        data = bytes(payload)
        if name == b"colr" and data[:4] == b"nclc" and not target:
            data = b"nclx" + data[4:10] + (b"\x80" if full_range else b"\x00")
        elif name == b"colr" and data[:4] == b"nclx" and target:
            data = b"nclc" + data[4:10]
        inner += box(name, data)
    return box(track.codec.encode("latin-1"), bytes(head) + inner)


def _video_pieces(
    movies: Sequence[Movie], tracks: Sequence[Track], *, rate: Fraction
) -> list[_Piece]:
    frames = max(1, round(INTERLEAVE_SECONDS * rate))
    pieces, before = [], 0
    for movie, track in zip(movies, tracks, strict=True):
        spans = list(track.samples())
        for start in range(0, len(spans), frames):
            run = spans[start : start + frames]
            time = (before + start) / rate
            pieces.append(_Piece(time, False, len(run), movie.path, _joined(run)))
        before += len(spans)
    return pieces


def _audio_pieces(path: Path, track: Track) -> list[_Piece]:
    ticks = track.durations[0][1] if track.durations else 1
    most = max(1, int(INTERLEAVE_SECONDS * track.timescale / max(1, ticks)))
    pieces, position = [], 0
    for offset, count in track.chunks:
        at = offset
        for start in range(0, count, most):
            samples = min(most, count - start)
            if isinstance(track.sizes, int):
                length = samples * track.sizes
            else:
                length = sum(track.sizes[position : position + samples])
            time = Fraction(position * ticks, track.timescale)
            pieces.append(_Piece(time, True, samples, path, [(at, length)]))
            at += length
            position += samples
    return pieces


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for offset, length in spans:
        if joined and sum(joined[-1]) == offset:
            joined[-1] = (joined[-1][0], joined[-1][1] + length)
        else:
            joined.append((offset, length))
    return joined


# Writing the index.


def _ftyp(*, quicktime: bool, codec: str) -> bytes:
    if quicktime:
        return box(b"ftyp", b"qt  " + struct.pack(">I", 0x200) + b"qt  ")
    brands = b"isomiso2" + (b"avc1" if codec == "avc1" else b"") + b"mp41"
    return box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + brands)


def _moov(
    tracks: Sequence[Track],
    *,
    entry: bytes,
    timing: _Timing,
    sound: Track | None,
    sound_clock: int,
    pieces: Sequence[_Piece],
    offsets: Sequence[int],
    quicktime: bool,
) -> bytes:
    wide = sum(piece.length for piece in pieces) > MAX_U32 - _INDEX_BYTES
    video_runs = [
        (piece.samples, at) for piece, at in zip(pieces, offsets, strict=True) if not piece.audio
    ]
    movie = movie_header(timing.timescale, timing.ticks, track_count=2 if sound else 1)
    movie += _video_trak(
        tracks, entry=entry, timing=timing, runs=video_runs, quicktime=quicktime, wide=wide
    )
    if sound:
        sound_runs = [
            (piece.samples, at) for piece, at in zip(pieces, offsets, strict=True) if piece.audio
        ]
        movie += _sound_trak(sound, clock=sound_clock, timing=timing, runs=sound_runs, wide=wide)
    return box(b"moov", movie)


def _video_trak(
    tracks: Sequence[Track],
    *,
    entry: bytes,
    timing: _Timing,
    runs: Sequence[tuple[int, int]],
    quicktime: bool,
    wide: bool,
) -> bytes:
    version, clock = times(timing.timescale, timing.ticks)
    language = struct.pack(">HH", 0x7FFF if quicktime else 0x55C4, 0)
    media = full_box(b"mdhd", clock + language, version=version)
    media += _handler(quicktime=quicktime)
    data_info = full_box(b"dref", struct.pack(">I", 1) + full_box(b"url ", b"", flags=1))
    info = full_box(b"vmhd", bytes(8), flags=1)
    if quicktime:
        info += full_box(b"hdlr", b"dhlrurl " + bytes(12) + b"\x0bDataHandler")
    info += box(b"dinf", data_info)
    info += _sample_table(tracks, entry=entry, timing=timing, runs=runs, wide=wide)
    media += box(b"minf", info)
    header = track_header(1, timing.ticks, volume=0, geometry=tracks[0].geometry)
    edit = edit_list(timing.ticks, timing.delay * timing.frame_ticks)
    return box(b"trak", header + edit + box(b"mdia", media))


def _handler(*, quicktime: bool) -> bytes:
    kind = b"mhlr" if quicktime else bytes(4)
    name = b"\x0cVideoHandler" if quicktime else b"VideoHandler\x00"
    return full_box(b"hdlr", kind + b"vide" + bytes(12) + name)


def _sample_table(
    tracks: Sequence[Track],
    *,
    entry: bytes,
    timing: _Timing,
    runs: Sequence[tuple[int, int]],
    wide: bool,
) -> bytes:
    total = len(timing.places)
    table = full_box(b"stsd", struct.pack(">I", 1) + entry)
    table += full_box(b"stts", struct.pack(">III", 1, total, timing.frame_ticks))
    table += _shifts(timing)
    table += _keyframes(tracks)
    sizes = [track.sample_size(n) for track in tracks for n in range(track.sample_count)]
    table += full_box(b"stsz", struct.pack(f">II{total}I", 0, total, *sizes))
    table += _runs(runs, wide=wide)
    return box(b"stbl", table)


def _shifts(timing: _Timing) -> bytes:
    if timing.delay == 0:
        return b""
    ahead = (place - sample + timing.delay for sample, place in enumerate(timing.places))
    entries = [
        struct.pack(">II", sum(1 for _ in group), shift * timing.frame_ticks)
        for shift, group in groupby(ahead)
    ]
    return full_box(b"ctts", struct.pack(">I", len(entries)) + b"".join(entries))


def _keyframes(tracks: Sequence[Track]) -> bytes:
    if all(track.keyframes is None for track in tracks):
        return b""
    numbers, before = [], 1
    for track in tracks:
        own = range(track.sample_count) if track.keyframes is None else track.keyframes
        numbers += [before + number for number in own]
        before += track.sample_count
    return full_box(b"stss", struct.pack(f">I{len(numbers)}I", len(numbers), *numbers))


def _runs(runs: Sequence[tuple[int, int]], *, wide: bool) -> bytes:
    entries, number = [], 1
    for samples, group in groupby(runs, key=lambda run: run[0]):
        entries.append(struct.pack(">III", number, samples, 1))
        number += sum(1 for _ in group)
    offsets = [at for _, at in runs]
    name, letter = (b"co64", "Q") if wide else (b"stco", "I")
    table = full_box(b"stsc", struct.pack(">I", len(entries)) + b"".join(entries))
    return table + full_box(name, struct.pack(f">I{len(offsets)}{letter}", len(offsets), *offsets))


def _sound_trak(
    sound: Track, *, clock: int, timing: _Timing, runs: Sequence[tuple[int, int]], wide: bool
) -> bytes:
    """Return the audio track as it was, with its samples' new places."""
    if len(sound.edits) > 1:
        raise NotSpliceable("its audio has an edit list")
    start = sound.edits[0][1] if sound.edits else 0
    seconds = Fraction(sound.ticks - start, sound.timescale)
    if sound.edits:
        declared = Fraction(sum(length for length, _ in sound.edits), clock)
        # A movie's own clock often has no more than milliseconds.
        seconds = seconds if abs(seconds - declared) < Fraction(1, 500) else declared
    ticks = min(math.ceil(seconds * timing.timescale), timing.ticks)
    parts = track_header(2, ticks, volume=0x100, geometry=sound.geometry) + edit_list(ticks, start)
    media = dict(boxes(memoryview(sound.raw)))[b"mdia"]
    return box(b"trak", parts + box(b"mdia", _with_runs(media, _runs(runs, wide=wide))))


def _with_runs(container: memoryview, runs: bytes) -> bytes:
    """Return a container's payload with the table of runs in its sample table replaced."""
    result = b""
    for name, payload in boxes(container):
        if name in (b"stsc", b"stco", b"co64"):
            continue
        if name in (b"minf", b"stbl"):
            inner = _with_runs(payload, runs)
            result += box(name, inner + runs if name == b"stbl" else inner)
        else:
            result += box(name, bytes(payload))
    return result


# Writing the file.


def _write(
    output: Path,
    pieces: Sequence[_Piece],
    *,
    index: Callable[[Sequence[int]], bytes],
    ftyp: bytes,
    stop: threading.Event,
) -> None:
    ends = list(accumulate((piece.length for piece in pieces), initial=0))
    starts, mdat = ends[:-1], mdat_header(ends[-1])
    # The index's size depends on the width of the offsets in it only, never on their values.
    base = len(ftyp) + len(mdat) + len(index(starts))
    head = ftyp + index([base + start for start in starts]) + mdat
    if len(head) != base:
        raise NotSpliceable("its index changes its size")
    with output.open("wb", buffering=0) as target:
        target.write(head)
        _copy_pieces(pieces, target.fileno(), stop=stop)


def _copy_pieces(pieces: Sequence[_Piece], target: int, *, stop: threading.Event) -> None:
    opened: dict[bool, tuple[Path, int]] = {}
    try:
        for piece in pieces:
            if piece.audio not in opened or opened[piece.audio][0] != piece.source:
                if piece.audio in opened:
                    os.close(opened.pop(piece.audio)[1])
                opened[piece.audio] = (piece.source, os.open(piece.source, os.O_RDONLY))
            for offset, length in piece.spans:
                _copy(opened[piece.audio][1], target, offset=offset, length=length, stop=stop)
    finally:
        for _, descriptor in opened.values():
            os.close(descriptor)


def _copy(source: int, target: int, *, offset: int, length: int, stop: threading.Event) -> None:
    while length > 0:
        if stop.is_set():
            raise Cancelled("stitching was cancelled")
        sent = _send(source, target, offset=offset, length=min(length, _COPY_BYTES))
        if sent == 0:
            raise ChunkOutputInvalid("an input became shorter while it was read")
        offset += sent
        length -= sent


def _send(source: int, target: int, *, offset: int, length: int) -> int:
    if sys.platform == "linux":
        return os.sendfile(target, source, offset, length)
    return os.write(target, os.pread(source, min(length, 1024 * 1024), offset))
