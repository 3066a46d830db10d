"""What a render shows: its pictures and its sound, and measures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

#: Size of all pages.
WIDTH, HEIGHT = 160, 90
SAMPLE_RATE = 48_000
#: Colours that pages use.
RED, GREEN, BLUE, WHITE, BLACK = (204, 0, 0), (0, 160, 0), (0, 102, 204), (255,) * 3, (0,) * 3
#: Root mean square of a sine whose peak is 0.5.
FULL = 0.3536

Colour = tuple[int, ...]


def near(wanted: Any, within: float) -> Any:
    """Return what equals numbers, or lists of numbers, that are off by so much at most."""
    if isinstance(wanted, int | float):
        return pytest.approx(wanted, abs=within)
    return [near(one, within) for one in wanted]


def mixed(over: Colour, opacity: float, under: Colour = WHITE) -> list[float]:
    """Return the colour of a ground with something half-transparent over it."""
    pairs = zip(over, under, strict=True)
    return [opacity * above + (1 - opacity) * below for above, below in pairs]


@dataclass(frozen=True)
class Shown:
    """A render.

    Attributes:
        frames: Pixels by frame, row, column: red, green, blue and alpha.
        sound: Samples of one channel.
    """

    frames: NDArray[np.uint8]
    sound: NDArray[np.float64]

    # --- pictures ---------------------------------------------------------------------------

    def colour(self, frame: int, x: int, y: int) -> list[int]:
        """Return a pixel's red, green and blue."""
        return [int(level) for level in self.frames[frame, y, x, :3]]

    def colours(self, x: int, y: int, frames: Sequence[int]) -> list[list[int]]:
        """Return a pixel's colour in several frames."""
        return [self.colour(frame, x, y) for frame in frames]

    def left(self, y: int, colour: Colour, frames: Sequence[int], within: int = 60) -> list[float]:
        """Return the first column of a row that has a colour, in several frames."""
        return [_first(self._like(frame, colour, within)[y]) for frame in frames]

    def width(self, y: int, colour: Colour, frames: Sequence[int], within: int = 60) -> list[int]:
        """Return how many pixels of a row have a colour."""
        return [int(self._like(frame, colour, within)[y].sum()) for frame in frames]

    def area(
        self,
        colour: Colour,
        frames: Sequence[int],
        *,
        columns: slice = slice(None),
        within: int = 60,
    ) -> list[int]:
        """Return how many pixels have a colour."""
        return [int(self._like(frame, colour, within)[:, columns].sum()) for frame in frames]

    @property
    def numbers(self) -> list[int]:
        """What the bars of a film say in each frame."""
        bars = self.frames[:, 20, 10:WIDTH:20, :3].mean(axis=-1) > 128
        return [int(sum(1 << bit for bit in range(8) if row[bit])) for row in bars]

    def _like(self, frame: int, colour: Colour, within: int) -> NDArray[np.bool_]:
        apart = np.abs(self.frames[frame, :, :, :3].astype(int) - colour)
        return np.asarray((apart <= within).all(axis=-1))

    # --- sound ------------------------------------------------------------------------------

    def span(self, start: float, end: float) -> NDArray[np.float64]:
        """Return the samples between two times in seconds."""
        return self.sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]

    def loudness(self, start: float, end: float) -> float:
        """Return the root mean square, as a share of a film's or tone's own."""
        return float(np.sqrt(np.mean(self.span(start, end) ** 2))) / FULL

    def strength(self, hertz: int, start: float, end: float) -> float:
        """Return the amplitude of a tone."""
        span = self.span(start, end)
        spectrum = np.abs(np.fft.rfft(span * np.hanning(len(span)), SAMPLE_RATE))
        return float(spectrum[hertz - 3 : hertz + 4].max() * 4 / len(span))

    def pitch(self, start: float, end: float) -> int:
        """Return the loudest tone in Hz; 0 for silence."""
        span = self.span(start, end)
        if np.abs(span).max() < 1e-3:
            return 0
        return int(np.argmax(np.abs(np.fft.rfft(span * np.hanning(len(span)), SAMPLE_RATE))))


def _first(like: NDArray[np.bool_]) -> float:
    found = np.flatnonzero(like)
    return float(found[0]) if len(found) else float("nan")
