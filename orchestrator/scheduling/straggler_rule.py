"""Chunks that take much longer than the others, and the rule by which they get a backup."""

import bisect
import math

#: Share of a run's chunks that must be done before it is known what is normal.
KNOWN_AFTER = 0.5
#: Times the median that a chunk may take before it counts as a straggler.
FACTOR = 3.0
#: Seconds that are never worth a second worker.
LEAST_SECONDS = 1.0
#: Share of a run's chunks that may have a backup at once; one always may.
SHARE_AT_ONCE = 0.05


class StragglerRule:
    """Tells from how long chunks took which of those that still run are stragglers."""

    def __init__(self, chunks: int) -> None:
        self._chunks = chunks
        self._seconds: list[float] = []

    def finished(self, seconds: float) -> None:
        """Note that a chunk is done, and how long that took."""
        bisect.insort(self._seconds, seconds)

    @property
    def limit(self) -> float:
        """Seconds after which a chunk is a straggler; infinite until enough are finished."""
        if not self._seconds or len(self._seconds) < KNOWN_AFTER * self._chunks:
            return math.inf
        # The upper one of two: what is in doubt is no straggler.
        median = self._seconds[len(self._seconds) // 2]
        return max(LEAST_SECONDS, FACTOR * median)

    @property
    def backups_at_once(self) -> int:
        """Maximum number of concurrent backups."""
        return max(1, int(SHARE_AT_ONCE * self._chunks))
