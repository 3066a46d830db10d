"""A command's process with all its descendants, and ending them."""

import os
import secrets
import signal
import time
from collections.abc import Callable

#: Environment variable by which a command's processes are known.
MARKER = "HELIOS_COMMAND_ID"
# Seconds that killed processes may take to go, longer only in uninterruptible sleep.
_KILL_PATIENCE = 5.0
# Seconds that two readings of the clock may disagree when they tell which process is older.
_CLOCK_SLACK = 60.0


class ProcessTree:
    """A command's process with everything that it started, directly or not.

    Parameters
    ----------
    leader:
        Returns the id of the first process, which leads a session of its own; None before it runs.
    """

    def __init__(self, leader: Callable[[], int | None]) -> None:
        self._leader_of = leader
        #: Only these processes have it in their environment: it finds those that left the
        #: session and whose parent is gone.
        self.marker = secrets.token_hex(8)
        self._since = time.time() - _CLOCK_SLACK

    @property
    def _leader(self) -> int | None:
        return self._leader_of()

    def has_group(self) -> bool:
        """Say whether processes of the command's own group are left."""
        if self._leader is None:
            return False
        try:
            os.killpg(self._leader, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    async def end(self, *, grace: float) -> None:
        """End all processes: ask, wait for up to `grace` seconds, then kill."""
        leader = self._leader
        if leader is None:
            return
        # Takes a tenth of a worker's start to load, and few commands have to be ended.
        from helios.process.process_search import ProcessSearch  # noqa: PLC0415

        search = ProcessSearch(leader=leader, marker=(MARKER, self.marker), since=self._since)
        if grace > 0:
            await search.signal_until_gone(signal.SIGTERM, seconds=grace)
        await search.signal_until_gone(signal.SIGKILL, seconds=_KILL_PATIENCE)
