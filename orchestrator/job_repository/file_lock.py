"""Locks on files and folders, which the system releases when their process ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from helios.errors import JobBusy

#: Seconds for which a lock is tried again: a process that only reads holds it for less.
PATIENCE = 0.2


class FileLock:
    """A lock on an existing file or folder.

    It belongs to the open file: one process can't take it twice, and the system releases the lock
    of a killed process, so that there are no stale locks.

    Args:
        path: The file or folder. A file is opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._descriptor is not None

    def take(self, *, patience: float = PATIENCE) -> bool:
        """Take the lock, trying for some seconds; False if another one has it."""
        deadline = time.monotonic() + patience
        while True:
            descriptor = _open(self.path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its last holder may have removed or replaced it: then this lock is on nothing.
                if os.fstat(descriptor).st_ino == self.path.stat().st_ino:
                    self._descriptor, descriptor = descriptor, -1
                    return True
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.01)
            finally:
                if descriptor >= 0:
                    os.close(descriptor)

    def note(self, text: str) -> None:
        """Write into the locked file, for processes that find it locked."""
        assert self._descriptor is not None  # noqa: S101 - only its holder may
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text.encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock an existing folder while the context lasts; `JobBusy` if another process has."""
    with FileLock(folder) as lock:
        if not lock.take():
            raise JobBusy(
                f"{folder}: another process runs a job in this folder",
                hint="Wait for it, or give this job another folder (--job-dir).",
            )
        yield


def is_locked(path: Path) -> bool:
    """Tell whether an existing file or folder is locked."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except IsADirectoryError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
