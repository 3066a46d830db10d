"""A command's process with everything that it started, and how all of it is ended."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping

import psutil

#: Environment variable by which a command's processes are known.
MARKER = "HELIOS_COMMAND_ID"
# Seconds that killed processes may take to go, longer only in uninterruptible sleep.
_KILL_PATIENCE = 5.0
# Seconds between two looks at whether processes are gone.
_POLL = 0.02
# Seconds that two readings of the clock may disagree when they tell which process is older.
_CLOCK_SLACK = 60.0


class ProcessFamily:
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
        if self._leader is None:
            return
        if grace > 0:
            await self._signal_until_gone(signal.SIGTERM, seconds=grace)
        await self._signal_until_gone(signal.SIGKILL, seconds=_KILL_PATIENCE)

    async def _signal_until_gone(self, number: signal.Signals, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        asked: set[psutil.Process] = set()
        while members := await asyncio.to_thread(self._members):
            # A process that forks while it is being ended leaves newcomers to ask.
            for process in members - asked:
                _send(process, number)
            asked |= members
            while any(map(_lives, members)):
                if time.monotonic() > deadline:
                    return
                await asyncio.sleep(_POLL)

    def _members(self) -> set[psutil.Process]:
        parents: dict[psutil.Process, int] = {}
        sessions: dict[psutil.Process, int] = {}
        members: set[psutil.Process] = set()
        for pid in psutil.pids():
            try:
                process = psutil.Process(pid)
                if process.create_time() < self._since or not _lives(process):
                    continue
                parents[process] = process.ppid()
                sessions[process] = os.getsid(pid)
                if sessions[process] == self._leader or self._is_marked(process):
                    members.add(process)
            except (psutil.Error, ProcessLookupError, PermissionError):
                continue
        return _with_relatives(members, parents=parents, sessions=sessions)

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARKER) == self.marker
        except (psutil.Error, OSError):
            return False


def _with_relatives(
    members: set[psutil.Process],
    *,
    parents: Mapping[psutil.Process, int],
    sessions: Mapping[psutil.Process, int],
) -> set[psutil.Process]:
    """Add the members' descendants, and who shares a session that only they can have opened."""
    ours = os.getsid(0)
    while True:
        pids = {process.pid for process in members}
        theirs = {sessions[process] for process in members} - {ours}
        more = {
            process
            for process, parent in parents.items()
            if parent in pids or sessions.get(process) in theirs
        }
        if more <= members:
            return members
        members |= more


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        # It ended meanwhile, or isn't ours to end.
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
