"""Whether processes that a test has started still run."""

from __future__ import annotations

import psutil


def lives(process: psutil.Process | int) -> bool:
    """Return whether a process runs; one that ended, but whose parent hasn't read that, doesn't.

    Args:
        process: The process, or its id. With a process, one that took over its id isn't counted.
    """
    try:
        # It may end between any two of these questions.
        found = psutil.Process(process) if isinstance(process, int) else process
        # There may be no process that reads the status of orphans, as in a container without init.
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
