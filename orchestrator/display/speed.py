"""Speed of a render lately, and the time that it still takes."""

import time
from collections import deque
from collections.abc import Callable

#: Seconds before which a speed is unknown.
_KNOWN_AFTER = 1.0


class Speed:
    """Averages the frames per second of the latest seconds.

    Args:
        window: Seconds over which it is averaged.
        clock: Returns seconds that never go back.
    """

    def __init__(self, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._clock = clock
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, frames_done: int) -> None:
        """Take the number of frames that are rendered by now into account."""
        now = self._clock()
        self._recent.append((now, frames_done))
        while len(self._recent) > 2 and self._recent[0][0] < now - self._window:
            self._recent.popleft()

    def forget(self) -> None:
        """Begin anew, where frames were lost: that says nothing about how fast frames come."""
        self._recent.clear()

    @property
    def fps(self) -> float:
        """Frames per second; 0 while it is unknown."""
        if not self._recent:
            return 0.0
        (first, before), (last, after) = self._recent[0], self._recent[-1]
        elapsed = last - first
        return max(0.0, (after - before) / elapsed) if elapsed >= _KNOWN_AFTER else 0.0

    def seconds_for(self, frames: int) -> float | None:
        """Return the seconds that further frames take; None if that is unknown."""
        return max(0, frames) / self.fps if self.fps else None
