"""Boxes of MP4 and QuickTime files: parsing, and the headers that every file has.

Field layouts, and section numbers in parentheses: ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator

#: Bytes of a video sample entry before its own boxes (12.1.3).
VISUAL_ENTRY_BYTES = 86
MAX_U32 = 0xFFFFFFFF
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


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


def box(name: bytes, payload: bytes) -> bytes:
    """Return a box: size, type and payload."""
    return struct.pack(">I4s", len(payload) + 8, name) + payload


def full_box(name: bytes, payload: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    """Return a box with version and flags (4.2)."""
    return box(name, struct.pack(">I", version << 24 | flags) + payload)


def movie_header(timescale: int, ticks: int, *, track_count: int) -> bytes:
    """Return a movie's header (8.2.2)."""
    version, fields = times(timescale, ticks)
    rest = struct.pack(">IH10x", 0x10000, 0x100) + _UNITY + bytes(24)
    return full_box(b"mvhd", fields + rest + struct.pack(">I", track_count + 1), version=version)


def times(timescale: int, ticks: int) -> tuple[int, bytes]:
    """Return version and fields (creation, change, timescale, duration) of a header."""
    if ticks <= MAX_U32:
        return 0, struct.pack(">IIII", 0, 0, timescale, ticks)
    return 1, struct.pack(">QQIQ", 0, 0, timescale, ticks)


def track_header(number: int, ticks: int, *, volume: int, geometry: bytes) -> bytes:
    """Return a track's header (8.3.2)."""
    group = 1 if volume else 0
    rest = struct.pack(">8xHHHH", 0, group, volume, 0) + geometry
    if ticks <= MAX_U32:
        fields = struct.pack(">IIIII", 0, 0, number, 0, ticks)
        return full_box(b"tkhd", fields + rest, flags=3)
    fields = struct.pack(">QQIIQ", 0, 0, number, 0, ticks)
    return full_box(b"tkhd", fields + rest, version=1, flags=3)


def edit_list(ticks: int, start: int) -> bytes:
    """Return the edit list of a track whose presentation starts at the tick `start` (8.6.6)."""
    if ticks <= MAX_U32:
        return box(b"edts", full_box(b"elst", struct.pack(">IIiHH", 1, ticks, start, 1, 0)))
    fields = struct.pack(">IQqHH", 1, ticks, start, 1, 0)
    return box(b"edts", full_box(b"elst", fields, version=1))


def mdat_header(size: int) -> bytes:
    """Return the header of the `mdat` box around `size` bytes of samples."""
    if size + 16 > MAX_U32:
        return struct.pack(">I4sQ", 1, b"mdat", size + 16)
    return struct.pack(">I4s", size + 8, b"mdat")
