"""Writes the tracks of a movie's index (ISO/IEC 14496-12)."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from helios.mp4.boxes import box, boxes, edit_list, full_box, times, track_header
from helios.mp4.track import NotSpliceable, Track


@dataclass(frozen=True)
class FrameTiming:
    """Decoding and presentation order: sample n is shown as frame `places[n]`."""

    timescale: int
    frame_ticks: int
    places: Sequence[int]
    #: Frames by which decoding precedes presentation.
    delay: int

    @classmethod
    def of(cls, tracks: Sequence[Track]) -> "FrameTiming":
        """Return the timing of tracks that follow one another."""
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
        """Frames per second."""
        return Fraction(self.timescale, self.frame_ticks)

    @property
    def ticks(self) -> int:
        """Duration of all frames in ticks."""
        return len(self.places) * self.frame_ticks


def file_type(*, quicktime: bool, codec: str) -> bytes:
    """Return the `ftyp` box."""
    if quicktime:
        return box(b"ftyp", b"qt  " + struct.pack(">I", 0x200) + b"qt  ")
    brands = b"isomiso2" + (b"avc1" if codec == "avc1" else b"") + b"mp41"
    return box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + brands)


def video_track(
    tracks: Sequence[Track],
    *,
    entry: bytes,
    timing: FrameTiming,
    runs: Sequence[tuple[int, int]],
    quicktime: bool,
    wide: bool,
) -> bytes:
    """Return the `trak` box of tracks that follow one another, all with the sample entry `entry`.

    `runs` are the number of samples, and the offset in the file, of each run of samples. If `wide`,
    offsets take 64 bits.
    """
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
    timing: FrameTiming,
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


def _shifts(timing: FrameTiming) -> bytes:
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


def audio_track(
    audio: Track, *, clock: int, timing: FrameTiming, runs: Sequence[tuple[int, int]], wide: bool
) -> bytes:
    """Return an audio track with new positions of its samples."""
    if len(audio.edits) > 1:
        raise NotSpliceable("its audio has an edit list")
    start = audio.edits[0][1] if audio.edits else 0
    seconds = Fraction(audio.ticks - start, audio.timescale)
    if audio.edits:
        declared = Fraction(sum(length for length, _ in audio.edits), clock)
        # A movie's clock often counts in milliseconds.
        seconds = seconds if abs(seconds - declared) < Fraction(1, 500) else declared
    ticks = min(math.ceil(seconds * timing.timescale), timing.ticks)
    parts = track_header(2, ticks, volume=0x100, geometry=audio.geometry) + edit_list(ticks, start)
    media = dict(boxes(memoryview(audio.raw)))[b"mdia"]
    return box(b"trak", parts + box(b"mdia", _with_runs(media, _runs(runs, wide=wide))))


def _with_runs(container: memoryview, runs: bytes) -> bytes:
    """Return a container's payload with a new table of chunks in its sample table."""
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
