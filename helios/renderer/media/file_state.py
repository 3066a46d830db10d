"""What is read of a file once for each of its states."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

Read = TypeVar("Read")

FileState = tuple[Path, int, int]
"""Path, size and time of a file, which tell its content without reading it."""


def file_state(path: Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: There is no such file.
    """
    found = path.stat()
    return path, found.st_size, found.st_mtime_ns


class OncePerFile(Generic[Read]):
    """Calls a function once for each state of a file, also if several wait for its result.

    A failure is raised again by the next call.
    """

    def __init__(self, read: Callable[[Path], Awaitable[Read]]) -> None:
        self._read = read
        self._known: dict[FileState, Read] = {}
        self._locks: dict[FileState, asyncio.Lock] = {}

    async def __call__(self, path: Path) -> Read:
        """Return what the function returns for a file in its present state.

        Raises:
            OSError: There is no such file.
        """
        state = await asyncio.to_thread(file_state, path)
        if state in self._known:
            return self._known[state]
        try:
            async with self._locks.setdefault(state, asyncio.Lock()):
                if state not in self._known:
                    self._known[state] = await self._read(path)
        finally:
            # A lock belongs to its event loop; who waits for it already has it.
            self._locks.pop(state, None)
        return self._known[state]
