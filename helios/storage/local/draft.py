"""Files that appear under their name only when complete."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from helios.storage.keys import RESERVED

Result = TypeVar("Result")


class Draft:
    """A file without a name while it is written, so that a process that dies leaves nothing.

    It has a hidden name instead if the system or the disk doesn't support files without one.
    """

    def __init__(self, folder: Path) -> None:
        self._hidden = folder / f"{RESERVED}{secrets.token_hex(8)}.part"
        self._source = self._hidden
        descriptor = _open_unnamed(folder)
        if descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self._hidden, flags, 0o666)
        else:
            self._source = Path(f"/proc/self/fd/{descriptor}")
        self.file: BinaryIO = os.fdopen(descriptor, "wb", buffering=0)
        self.inode = os.fstat(descriptor).st_ino

    def link(self, target: Path) -> None:
        """Give the file a new name; raise `FileExistsError` if the name is taken."""
        # Python follows the link to the open file only if a folder's descriptor is given, which
        # is ignored for absolute paths.
        _in_folder(
            target.parent,
            lambda: os.link(
                self._source, target, src_dir_fd=self.file.fileno(), follow_symlinks=True
            ),
        )

    def replace(self, target: Path) -> None:
        """Give the file a name, replacing any file of that name."""
        if self._source != self._hidden:
            self.link(self._hidden)
            self._source = self._hidden
        self._hidden.replace(target)

    def close(self) -> None:
        self.file.close()
        if self._source == self._hidden:
            self._hidden.unlink(missing_ok=True)


def _open_unnamed(folder: Path) -> int | None:
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is None or not Path("/proc/self/fd").is_dir():
        return None
    there = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return os.open(".", os.O_WRONLY | os.O_CLOEXEC | unnamed, 0o666, dir_fd=there)
    except OSError as fault:
        if fault.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return None
        # The folder was removed meanwhile: ext4 reports that as "not permitted".
        if fault.errno == errno.EPERM and os.fstat(there).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder) from fault
        raise
    finally:
        os.close(there)


@contextlib.contextmanager
def draft_for(target: Path) -> Iterator[Draft]:
    """Yield a draft of the file `target`, whose folder is created."""
    folder = target.parent
    with contextlib.closing(_in_folder(folder, lambda: Draft(folder))) as draft:
        yield draft


def _in_folder(folder: Path, act: Callable[[], Result]) -> Result:
    """Run `act`, which needs a folder, and create the folder first."""
    # Another process that deletes the folder's last object removes the folder too.
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            _make_folder(folder)
            return act()
    raise FileNotFoundError(errno.ENOENT, "the folder keeps disappearing", str(folder))


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents; `FileNotFoundError` if they are removed meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as fault:
        # It isn't a folder, or was removed meanwhile.
        if not stat.S_ISDIR(os.lstat(fault.filename).st_mode):
            raise
