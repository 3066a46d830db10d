"""Writes IVF streams, in which each image has a frame number.

A frame is a header of 12 bytes and the image; its time stamp is the frame number, so that repeated
frames can be left out (layout: the Duck IVF format, as libvpx and ffmpeg write it).
"""

import struct
from fractions import Fraction

_HEADER = struct.Struct("<4sHH4sHHIIII")
_FRAME = struct.Struct("<IQ")
_CODES = {"jpeg": b"MJPG", "png": b"MPNG", "i420": b"I420"}


def header(*, size: tuple[int, int], rate: Fraction, image: str) -> bytes:
    """Return the header of a stream.

    Args:
        size: Width and height in pixels.
        rate: Frames per second; a time stamp counts frames.
        image: Format of the frames, `jpeg`, `png` or `i420`.
    """
    width, height = size
    ticks = (rate.numerator, rate.denominator)
    return _HEADER.pack(b"DKIF", 0, _HEADER.size, _CODES[image], width, height, *ticks, 0, 0)


def frame_header(image: bytes, *, number: int) -> bytes:
    """Return a frame's header, which the image follows."""
    return _FRAME.pack(len(image), number)
