"""Objects of a local folder."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from helios.concurrency import CancelToken
from helios.contract.artifact import Artifact
from helios.errors import (
    AccessDenied,
    ArtifactNotFound,
    DiskFull,
    HeliosError,
    StorageInvalid,
    StorageUnavailable,
)
from helios.storage.base import StoredObject
from helios.storage.keys import RESERVED, check_key, check_prefix
from helios.storage.local.digests import (
    digest_file,
    record_digest,
)
from helios.storage.local.draft import draft_for


class LocalFolder:
    """Objects of a local folder; all methods block."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.absolute()
        self.url = self.path.as_uri()

    def url_of(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{quote(key)}"

    def path_of(self, key: str) -> Path:
        """Return an object's path; raise `StorageInvalid` if it is outside the folder."""
        check_key(key)
        path = self.path / key
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise StorageInvalid(f"key {key!r} leaves {self.path} by a symbolic link")
        return path

    def put(self, key: str, target: Path, fill: Callable[[BinaryIO], str]) -> Artifact:
        """Store what `fill` writes to a file; it returns the digest."""
        with draft_for(target) as draft:
            sha256 = fill(draft.file)
            draft.file.flush()
            size = draft.file.tell()
            draft.replace(target)
            record_digest(target, sha256, draft.inode)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

    @contextlib.contextmanager
    def open(self, key: str) -> Iterator[BinaryIO]:
        """Open an object."""
        path = self.path_of(key)
        with self.faults(key):
            # Opening a pipe would block.
            if not path.is_file():
                raise FileNotFoundError
            source = path.open("rb")
        with source:
            yield source

    def list(self, prefix: str, token: CancelToken) -> Sequence[StoredObject]:
        """Return the objects whose keys begin with a prefix, sorted by key."""
        check_prefix(prefix)
        found: list[StoredObject] = []
        folders = [prefix.rpartition("/")[0]]
        if folders[0]:
            self.path_of(folders[0])
        while folders:
            token.check()
            folder = folders.pop()
            with self.faults(folder, missing_ok=True), os.scandir(self.path / folder) as there:
                for entry in there:
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name.startswith(RESERVED):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if key.startswith(prefix) or prefix.startswith(f"{key}/"):
                            folders.append(key)
                    elif key.startswith(prefix) and entry.is_file():
                        with contextlib.suppress(FileNotFoundError):
                            found.append(stored_object(key, entry.stat()))
        return sorted(found, key=lambda stored: stored.key)

    def remove(self, path: Path) -> None:
        """Remove an object, its digest, and folders that are empty then."""
        digest_file(path).unlink(missing_ok=True)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        # Object storages have no folders: remove those that are empty.
        for folder in path.parents:
            if folder == self.path:
                return
            try:
                folder.rmdir()
            except OSError:
                return

    @contextlib.contextmanager
    def faults(self, key: str, *, missing_ok: bool = False) -> Iterator[None]:
        """Raise errors of the file system as errors of artifact storages."""
        try:
            yield
        except OSError as fault:
            if missing_ok and isinstance(fault, (FileNotFoundError, NotADirectoryError)):
                return
            raise self._error(key, fault) from fault

    def _error(self, key: str, fault: OSError) -> HeliosError:
        url = self.url_of(key)
        if isinstance(fault, FileNotFoundError):
            if not self.path.is_dir():
                return ArtifactNotFound(f"{self.url}: there is no such folder")
            return ArtifactNotFound(f"{url}: there is no such object")
        if isinstance(fault, (NotADirectoryError, IsADirectoryError, FileExistsError)):
            return StorageInvalid(f"{url}: a folder and an object can't share a name")
        if fault.errno == errno.ENAMETOOLONG:
            return StorageInvalid(f"{url}: the name is too long for this disk")
        return _disk_error(url, fault)


def _disk_error(url: str, fault: OSError) -> HeliosError:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{url}: no space left on the disk", hint="Free some space.")
    if fault.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return AccessDenied(
            f"{url}: {fault.strerror}", hint="Check the folder's owner and permissions."
        )
    return StorageUnavailable(f"{url}: {fault.strerror or fault}")


def stored_object(key: str, status: os.stat_result, sha256: str | None = None) -> StoredObject:
    """Return an object's metadata from its file's."""
    return StoredObject(
        key=key,
        bytes=status.st_size,
        version=f"{status.st_ino:x}-{status.st_mtime_ns:x}",
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        sha256=sha256,
    )
