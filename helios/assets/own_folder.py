"""A process's own temporary folder; folders of processes that have ended are removed."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

#: Ending of lock files, which are locked while the process with the folder of that name runs.
_LOCK_SUFFIX = ".lock"


class OwnFolder:
    """A new folder of this process, inside a folder that processes share."""

    def __init__(self, shared: Path) -> None:
        shared.mkdir(parents=True, exist_ok=True)
        with _locked(shared / _LOCK_SUFFIX):
            _sweep(shared)
            self.path = shared / secrets.token_hex(8)
            self._lock_file = self.path.with_suffix(_LOCK_SUFFIX)
            self._lock = _lock(self._lock_file)
            self.path.mkdir(mode=0o700)

    def leave(self) -> None:
        """Remove the folder."""
        remove_tree(self.path)
        self._lock_file.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_tree(folder: Path) -> None:
    """Remove a folder with any permissions, if it exists."""
    for parent, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(parent, 0o700)  # noqa: PTH101 - walk gives strings
    shutil.rmtree(folder, ignore_errors=True)


def _sweep(shared: Path) -> None:
    for lock_file in shared.glob(f"?*{_LOCK_SUFFIX}"):
        descriptor = _lock(lock_file)
        if descriptor is not None:
            remove_tree(lock_file.with_suffix(""))
            lock_file.unlink(missing_ok=True)
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Lock a file until the process ends; None if another process holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
