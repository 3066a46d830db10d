"""Finds all processes that a command started, by a variable in their environment."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping

import psutil

# Seconds between two checks whether processes have ended.
_POLL = 0.02


class ProcessScan:
    """Finds and signals the processes of a command.

    `leader` is the id of the first process, the leader of its session. `marker` is an environment
    variable of these processes alone; none of them started before `since`.
    """

    def __init__(self, *, leader: int, marker: tuple[str, str], since: float) -> None:
        self._leader = leader
        self._marker = marker
        self._since = since

    async def signal_until_gone(self, number: signal.Signals, *, seconds: float) -> None:
        """Signal all processes, also new ones, until none is left or time is up."""
        deadline = time.monotonic() + seconds
        asked: set[psutil.Process] = set()
        while members := await asyncio.to_thread(self._members):
            # A process may fork while it ends: signal new ones too.
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
            name, value = self._marker
            return process.environ().get(name) == value
        except (psutil.Error, OSError):
            return False


def _with_relatives(
    members: set[psutil.Process],
    *,
    parents: Mapping[psutil.Process, int],
    sessions: Mapping[psutil.Process, int],
) -> set[psutil.Process]:
    """Add the members' descendants, and all processes of sessions that members opened."""
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
        # It has ended, or belongs to another user.
        return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
