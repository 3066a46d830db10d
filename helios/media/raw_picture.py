"""Raw frames as files: YUV4MPEG2, compressed by zlib."""

import zlib

from helios.errors import EncodeFailed

#: Start of a zlib stream of this level (RFC 1950, 2.2).
_MAGIC = b"\x78\x01"
#: The fastest level; others make such pictures little smaller.
_LEVEL = 1
#: Largest size in bytes of an unpacked picture.
_MAX_BYTES = 512 << 20


def pack_raw_frame(frame: bytes, size: tuple[int, int]) -> bytes:
    """Return a file of a frame in I420: for most pages a tenth of its bytes or less.

    Args:
        frame: Planes Y, U and V, in BT.709's limited range.
        size: Width and height in pixels.
    """
    width, height = size
    header = f"YUV4MPEG2 W{width} H{height} F1:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\nFRAME\n"
    return zlib.compress(header.encode() + frame, _LEVEL)


def is_raw_picture(picture: bytes) -> bool:
    """Return whether a picture is a file that `pack_raw_frame` made."""
    return picture.startswith(_MAGIC)


def unpack_raw_picture(picture: bytes) -> bytes:
    """Return the YUV4MPEG2 file in a packed picture.

    Raises `EncodeFailed` if it is damaged or too large.
    """
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(picture, _MAX_BYTES)
    except zlib.error as error:
        raise EncodeFailed(f"a chunk's picture doesn't unpack: {error}") from error
    if not stream.eof:
        raise EncodeFailed("a chunk's picture is cut off, or too large")
    return unpacked
