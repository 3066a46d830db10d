"""Compares renders by pixels and samples."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pictures = Mapping[int, bytes]
"""PNG images by frame."""


@dataclass(frozen=True)
class Difference:
    """The difference of a variant from the reference.

    Attributes:
        variant: Name of the way in which it was rendered.
        frames: Frames whose pictures differ.
        levels: Maximum difference of a channel of a pixel, of 255.
        pixels: Number of differing pixels in the frame with most of them.
        reason: The difference, if it isn't one of pictures.
    """

    variant: str
    frames: tuple[int, ...] = ()
    levels: int = 0
    pixels: int = 0
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"{self.variant}: {self.reason}"
        count, first = len(self.frames), self.frames[0]
        return (
            f"{self.variant}: {count} frames from {first} on,"
            f" up to {self.levels} levels, {self.pixels} pixels"
        )


def compare(variant: str, expected: Pictures, found: Pictures) -> Difference | None:
    """Return the difference of pictures from the reference; None if they are equal."""
    frames, levels, pixels = [], 0, 0
    for frame in sorted(found):
        if expected[frame] == found[frame]:
            continue
        apart = np.abs(decoded(expected[frame]) - decoded(found[frame])).max(axis=-1)
        if apart.any():
            frames.append(frame)
            levels = max(levels, int(apart.max()))
            pixels = max(pixels, int(np.count_nonzero(apart)))
    return Difference(variant, tuple(frames), levels, pixels) if frames else None


def decoded(png: bytes) -> NDArray[np.int16]:
    """Return the pixels of an image: rows of columns of red, green, blue and alpha."""
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    return np.asarray(image).astype(np.int16)
