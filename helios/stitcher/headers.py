"""Boxes that every movie file has: headers, edit lists.

Field layouts and the numbers of sections: ISO/IEC 14496-12.
"""

import struct

from helios.stitcher.movie import box

MAX_U32 = 0xFFFFFFFF
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


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
    """Return the edit list of a track that is shown from a tick of its own on (8.6.6)."""
    if ticks <= MAX_U32:
        return box(b"edts", full_box(b"elst", struct.pack(">IIiHH", 1, ticks, start, 1, 0)))
    fields = struct.pack(">IQqHH", 1, ticks, start, 1, 0)
    return box(b"edts", full_box(b"elst", fields, version=1))


def mdat_header(size: int) -> bytes:
    """Return the header of the box around so many bytes of frames."""
    if size + 16 > MAX_U32:
        return struct.pack(">I4sQ", 1, b"mdat", size + 16)
    return struct.pack(">I4s", size + 8, b"mdat")
