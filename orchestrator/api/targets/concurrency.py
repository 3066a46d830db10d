"""The default number of chunks at the same time."""

import os

import psutil

#: Chunks at the same time in remote workers: a tenth of what an AWS account runs at once, and
#: as many instances as a Cloud Run service has, unless their owners set other limits.
REMOTE_CONCURRENCY = 100
#: Bytes of memory that one browser at work is counted with.
_BROWSER_BYTES = 600 << 20


def chosen_concurrency(concurrency: int | None, *, remote: bool) -> int:
    """Return how many chunks run at the same time, by default as many as suit the workers."""
    if concurrency is not None:
        return concurrency
    return REMOTE_CONCURRENCY if remote else _local_concurrency()


def _local_concurrency() -> int:
    by_memory = psutil.virtual_memory().available // _BROWSER_BYTES
    # A container or taskset may leave fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, by_memory))
