"""Protects a worker's credentials from the commands that it runs."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def guard_credentials() -> None:
    """Make this process's memory and environment unreadable for other processes of its user.

    Commands run as the worker's user, who may read `/proc/<pid>/environ` and the memory of all
    processes of that user that are dumpable (PR_SET_DUMPABLE in prctl(2)). Forked processes inherit
    the state until they execute another program. Root can read everything, so images run workers as
    another user.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
