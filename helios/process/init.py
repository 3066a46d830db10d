"""Init process of the images: runs a program, passes signals on, and reaps orphans.

`python -m helios.process.init PROGRAM ARGUMENTS...`

Browsers leave processes whose parent has ended; as the container's first process, or as their
subreaper elsewhere, this one waits for them, so that they don't stay zombies. Programs such as tini
do that too, but their environment, which holds the worker's credentials, could be read by commands.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from helios.process.credential_guard import guard_credentials

_PR_SET_CHILD_SUBREAPER = 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)
_EXIT_SIGNAL = 128


def main(command: Sequence[str]) -> int:
    """Run a program to its end and return its exit status; 128 + n after signal n."""
    guard_credentials()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Signals that arrive before the handlers are set stay pending.
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    child = os.posix_spawnp(command[0], list(command), os.environ, setsigmask=())

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _EXIT_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
