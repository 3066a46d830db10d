"""Stops a batch whose rows fail one after the other."""

from collections import deque

from helios.errors import CircuitOpen
from orchestrator.api.batches.results import RowResult, RowState

#: The batch stops once so many of the latest rows failed, or all of the first ones.
_LATEST = 20


class RowFailures:
    """Counts the failures among the latest rows."""

    def __init__(self) -> None:
        self._latest: deque[RowResult] = deque(maxlen=_LATEST)

    def note(self, result: RowResult) -> CircuitOpen | None:
        """Take the end of a row into account; return an error if all of the latest failed."""
        if result.state is RowState.UNCHANGED:
            return None
        self._latest.append(result)
        failed = [each.error for each in self._latest if each.error is not None]
        if len(failed) < _LATEST:
            return None
        return CircuitOpen(
            f"the last {_LATEST} rows failed: no further row was begun",
            hint="What is the same in them? The errors of the rows say.",
            details=[failed[-1].message],
        )
