"""Turns a cost limit into a time limit, for renders that no client watches."""

import dataclasses

from helios.errors import CostLimitReached
from orchestrator.cost.cost import Usage, Workers, cost_of

#: Seconds of a merge that are paid for in advance: as long as a function may take.
_MERGE_SECONDS = 900.0
_HOUR = 3600.0


def seconds_paid_for(max_cost: float, workers: Workers, *, chunks: int, at_once: int) -> float:
    """Return for how many seconds a render may begin and continue chunks within its cost limit.

    Workers can't spend more than all of them do that may run at once, working all the time. A
    render that leaves some of them idle costs less by the end of that time.

    Raises:
        CostLimitReached: The limit doesn't even pay for a second.
    """
    busy = min(at_once, chunks)
    fixed = Usage(
        chunks=chunks, invocations=chunks, chunk_seconds=0.0, merge_seconds=_MERGE_SECONDS
    )

    def cost(hours: int) -> float:
        usage = dataclasses.replace(fixed, chunk_seconds=hours * _HOUR * chunks)
        return cost_of(usage, workers).dollars

    base = cost(0)
    # Some prices begin with a minimum, which an hour is beyond.
    rate = (cost(2) - cost(1)) / (_HOUR * chunks)
    seconds = (max_cost - base) / (rate * busy)
    if seconds < 1:
        raise CostLimitReached(
            f"`max_cost` {max_cost:g}: pays for less than a second of {busy} workers",
            hint=f"Requests of {chunks} chunks and the longest merge cost ${base:.4f} by list"
            f" prices, each second after that ${rate * busy:.6f}. Fewer chunks, or less"
            " `concurrency`, cost less.",
        )
    return seconds
