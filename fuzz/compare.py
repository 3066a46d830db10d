"""Whether renders are equal: pixel by pixel, and sample by sample."""

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
    """How a variant differs from the reference.

    Attributes:
        variant: Name of the way in which it was rendered.
        frames: Frames whose pictures differ.
        levels: The most by which a channel of a pixel differs, of 255.
        pixels: Number of pixels that differ in the frame where most do.
        reason: What differs, where it isn't the pictures.
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
    """Return how pictures differ from those of the reference; None if all found ones are equal."""
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
