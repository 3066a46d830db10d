"""A worker's time limit, which reserves time to end commands and to answer."""

import time
from collections.abc import Callable

#: Seconds reserved for ending a command, cleaning up and answering.
MARGIN = 10.0
#: Largest part of the whole time that is reserved.
_MAX_PART = 0.25


def shortest(*limits: float | None) -> float | None:
    """Return the shortest of several limits in seconds; None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


class TimeLimit:
    """The time until the platform ends a worker, in seconds; None for no limit."""

    def __init__(
        self, seconds: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds
        self._margin = 0.0 if seconds is None else min(MARGIN, max(seconds, 0) * _MAX_PART)

    def for_command(self, at_most: float | None = None) -> float | None:
        """Return the seconds left for a command, at most `at_most`; None for no limit."""
        return shortest(self._left(self._margin), at_most)

    def for_all(self) -> float | None:
        """Return the seconds left for the whole task, without cleaning up; None for no limit."""
        return self._left(self._margin / 4)

    def _left(self, margin: float) -> float | None:
        return None if self._end is None else max(0.0, self._end - margin - self._clock())
