"""Reads the index of an MP4 or QuickTime file (ISO/IEC 14496-12).

The index (`moov`) lists the position, duration and presentation time of each sample. Reading it
takes a few kilobytes for a file of any size, so that chunk outputs are checked and joined without
starting a program for each.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from helios.errors import ChunkOutputInvalid
from helios.mp4.boxes import VISUAL_ENTRY_BYTES, box, boxes
from helios.mp4.track import Movie, NotSpliceable, Track

#: Boxes that may differ between files of the same encoding: bit rates.
_INCIDENTAL_BOXES = frozenset({b"btrt"})
_TOP_LEVEL = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"styp"})


def read_movie(path: Path) -> Movie:
    """Read the index of an MP4 or QuickTime file.

    Raises `ChunkOutputInvalid` if the file is missing, cut short, or damaged, and `NotSpliceable`
    if it is a file of another kind, or fragmented.
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
        raise NotSpliceable("its codec parameters change within a stream")
    entry = bytes(stsd[8 : 8 + struct.unpack(">I", stsd[8:12])[0]])
    if kind != "vide":
        return entry
    inner = [
        box(name, bytes(payload))
        for name, payload in boxes(memoryview(entry)[VISUAL_ENTRY_BYTES:])
        if name not in _INCIDENTAL_BOXES
    ]
    return box(entry[4:8], entry[8:VISUAL_ENTRY_BYTES] + b"".join(inner))


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
