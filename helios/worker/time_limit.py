"""A worker's time limit: commands end early enough to report a result."""

import time
from collections.abc import Callable

#: Seconds that are kept for ending a command, cleaning up and answering.
MARGIN = 10.0
#: What part of the whole time is kept at most, where that is short.
_LARGEST_PART = 0.25


class TimeLimit:
    """The time until a platform ends a worker.

    Parameters
    ----------
    seconds:
        What is left; None for no limit.
    clock:
        Returns seconds that only grow.
    """

    def __init__(
        self, seconds: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._end = None if seconds is None else clock() + seconds
        self._margin = 0.0 if seconds is None else min(MARGIN, max(seconds, 0) * _LARGEST_PART)

    def for_command(self, at_most: float | None = None) -> float | None:
        """Return the seconds that a command may take from now on; None for no limit.

        Parameters
        ----------
        at_most:
            A limit of its own.
        """
        return _shorter(self._left(self._margin), at_most)

    def for_all(self) -> float | None:
        """Return the seconds after which everything must end that isn't cleaning up."""
        return self._left(self._margin / 4)

    def _left(self, margin: float) -> float | None:
        return None if self._end is None else max(0.0, self._end - margin - self._clock())


def _shorter(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
