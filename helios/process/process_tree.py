"""Ends a command's process with all its descendants."""

import os
import secrets
import signal
import time
from collections.abc import Callable

#: Environment variable that identifies a command's processes.
MARKER = "HELIOS_COMMAND_ID"
# Seconds for killed processes to end; only uninterruptible sleep takes longer.
_KILL_PATIENCE = 5.0
# Tolerance in seconds when start times of processes are compared.
_CLOCK_SLACK = 60.0


class ProcessTree:
    """A command's process and all its descendants.

    `leader` returns the id of the first process, the leader of its session; None before it runs.
    """

    def __init__(self, leader: Callable[[], int | None]) -> None:
        self._leader_of = leader
        #: Value of `MARKER` in the environment, which finds processes that left the session and
        #: whose parent has ended.
        self.marker = secrets.token_hex(8)
        self._since = time.time() - _CLOCK_SLACK

    @property
    def _leader(self) -> int | None:
        return self._leader_of()

    def has_group(self) -> bool:
        """Return whether processes of the command's group are left."""
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
        """Terminate all processes, wait for up to `grace` seconds, then kill them."""
        leader = self._leader
        if leader is None:
            return
        # Imports psutil, which takes a tenth of a worker's start; few commands have to be ended.
        from helios.process.process_scan import ProcessScan  # noqa: PLC0415

        scan = ProcessScan(leader=leader, marker=(MARKER, self.marker), since=self._since)
        if grace > 0:
            await scan.signal_until_gone(signal.SIGTERM, seconds=grace)
        await scan.signal_until_gone(signal.SIGKILL, seconds=_KILL_PATIENCE)
