"""Temporary folders of commands."""

import asyncio
import os
import shutil
import tempfile
import threading
from pathlib import Path

from helios.concurrency import finish_despite_cancel

#: Environment variable that names the folder for what outlives a command: converted videos.
CACHE_VARIABLE = "HELIOS_MEDIA_CACHE"


class ScratchFolders:
    """Temporary folders of commands: empty at a command's start, gone at its end.

    While other commands run, a folder that was left empty is handed on to the next command, since
    making and removing one costs as much as starting a small program.

    Parameters
    ----------
    parent:
        Where the folders are made; the system's place by default.
    """

    def __init__(self, parent: Path | None) -> None:
        self._parent = parent
        self._free: list[str] = []
        self._taken = 0
        # A threaded server may share one executor between event loops.
        self._lock = threading.Lock()

    def take(self) -> str:
        with self._lock:
            self._taken += 1
            if self._free:
                return self._free.pop()
        try:
            return tempfile.mkdtemp(prefix="helios-", dir=self._parent)
        except OSError:
            with self._lock:
                self._taken -= 1
            raise

    async def give_back(self, folder: str, *, unspoilt: bool) -> None:
        unspoilt = unspoilt and _is_empty(folder)
        surplus = [] if unspoilt else [folder]
        with self._lock:
            self._taken -= 1
            if unspoilt:
                self._free.append(folder)
            if not self._taken:
                surplus += self._free
                self._free = []
        for leftover in surplus:
            await _remove(leftover)


def _is_empty(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


async def _remove(folder: str) -> None:
    try:
        # Most commands leave their folder empty, which needs no thread to remove.
        os.rmdir(folder)  # noqa: PTH106 - Path.rmdir costs a Path on the fast path
    except OSError:
        await finish_despite_cancel(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
