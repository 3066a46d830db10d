"""Keeps a worker's credentials out of reach of the commands that it runs."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def guard_credentials() -> None:
    """Make this process's memory and environment unreadable for other processes of its user.

    Commands run as the worker's own user, which may read `/proc/<pid>/environ` and the memory of
    every process of that user, unless the process isn't dumpable (PR_SET_DUMPABLE in prctl(2)).
    Processes that this one forks inherit the state until they execute another program. A process
    of root reads everything nevertheless, so images run workers as another user.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
