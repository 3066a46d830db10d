"""Artifact storage in a local folder."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from helios.concurrency import CancelToken, run_blocking
from helios.contract.artifact import Artifact
from helios.errors import (
    AccessDenied,
    ArtifactNotFound,
    DiskFull,
    HeliosError,
    StorageInvalid,
    StorageUnavailable,
)
from helios.output import whole_output
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.checks import check_digest, check_expiry, check_size, open_source
from helios.storage.keys import RESERVED, check_deletable, check_key, check_prefix
from helios.storage.local.digests import (
    BLOCK,
    copy_digested,
    digest_file,
    record_digest,
    recorded_digest,
    write_all,
    write_digested,
)
from helios.storage.local.draft import draft_for


class LocalStorage(ArtifactStorage):
    """Artifacts in a local folder, each a file under its own name.

    The folder is created with the first artifact. An object's digest is recorded beside it, in a
    hidden file that also names the object's inode. Files put there by other programs have no digest
    and aren't verified.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        super().__init__(self._folder.as_uri())

    def url_of(self, key: str) -> str:
        return f"{self.url}/{quote(key)}"

    async def put_file(self, key: str, path: Path) -> Artifact:
        def put(token: CancelToken) -> Artifact:
            target = self._path_of(key)
            with open_source(path) as source, self._faults(key):
                return self._put(key, target, lambda sink: copy_digested(source, sink, token))

        return await run_blocking(put)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        def put(_token: CancelToken) -> Artifact:
            target = self._path_of(key)
            with self._faults(key):
                return self._put(key, target, lambda sink: write_digested(data, sink))

        return await run_blocking(put)

    async def create(self, key: str, data: bytes) -> bool:
        def create(_token: CancelToken) -> bool:
            target = self._path_of(key)
            with self._faults(key), draft_for(target) as draft:
                sha256 = write_digested(data, draft.file)
                draft.file.flush()
                try:
                    draft.link(target)
                except FileExistsError:
                    return False
                record_digest(target, sha256, draft.inode)
                return True

        return await run_blocking(create)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        def get(token: CancelToken) -> Artifact:
            with self._open(key) as source, whole_output(path) as folder:
                expected = sha256 or recorded_digest(self._path_of(key), source)
                with (folder / "whole").open("xb") as sink:
                    found = copy_digested(source, sink, token)
                    size = sink.tell()
                check_digest(self.url_of(key), found, expected)
                return Artifact(url=self.url_of(key), sha256=found, bytes=size)

        return await run_blocking(get)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        def get(_token: CancelToken) -> bytes:
            with self._open(key) as source:
                size = os.fstat(source.fileno()).st_size
                check_size(self.url_of(key), size, limit)
                with self._faults(key):
                    data = source.read()
                expected = recorded_digest(self._path_of(key), source)
                check_digest(self.url_of(key), hashlib.sha256(data).hexdigest(), expected)
                return data

        return await run_blocking(get)

    async def copy(self, key: str, to: str) -> Artifact:
        def copy(token: CancelToken) -> Artifact:
            target = self._path_of(to)
            with self._open(key) as source, self._faults(to):
                noted = recorded_digest(self._path_of(key), source)

                def copy_whole(sink: BinaryIO) -> str:
                    found = copy_digested(source, sink, token)
                    check_digest(self.url_of(key), found, noted)
                    return found

                return self._put(to, target, copy_whole)

        return await run_blocking(copy)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        def get(_token: CancelToken) -> bytes:
            with self._open(key) as source:
                source.seek(start)
                return source.read(max(0, end - start))

        return await run_blocking(get)

    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,  # noqa: ARG002
        sizes: Sequence[int] | None = None,  # noqa: ARG002
    ) -> Artifact:
        def compose(token: CancelToken) -> Artifact:
            target = self._path_of(key)

            def fill(sink: BinaryIO) -> str:
                digest = hashlib.sha256()
                for name in sources:
                    with self._open(name) as source:
                        while block := source.read(BLOCK):
                            token.check()
                            digest.update(block)
                            write_all(memoryview(block), sink)
                return digest.hexdigest()

            with self._faults(key):
                return self._put(key, target, fill)

        return await run_blocking(compose)

    async def stat(self, key: str) -> StoredObject | None:
        def stat(_token: CancelToken) -> StoredObject | None:
            try:
                with self._open(key) as source:
                    sha256 = recorded_digest(self._path_of(key), source)
                    return _stored(key, os.fstat(source.fileno()), sha256)
            except ArtifactNotFound:
                return None

        return await run_blocking(stat)

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        found = await run_blocking(lambda token: self._list(prefix, token))
        return [entry for entry in found if entry.key > after]

    async def delete(self, key: str) -> None:
        def delete(_token: CancelToken) -> None:
            path = self._path_of(key)
            with self._faults(key):
                self._remove(path)

        await run_blocking(delete)

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)

        def delete(token: CancelToken) -> int:
            found = self._list(prefix, token)
            for entry in found:
                token.check()
                with self._faults(entry.key):
                    self._remove(self._folder / entry.key)
            return len(found)

        return await run_blocking(delete)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_expiry(expires)
        self._path_of(key)
        return self.url_of(key)

    async def close(self) -> None:
        """Do nothing: files are closed after each call."""

    def _path_of(self, key: str) -> Path:
        check_key(key)
        path = self._folder / key
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise StorageInvalid(f"key {key!r} leaves {self._folder} by a symbolic link")
        return path

    def _put(self, key: str, target: Path, fill: Callable[[BinaryIO], str]) -> Artifact:
        with draft_for(target) as draft:
            sha256 = fill(draft.file)
            draft.file.flush()
            size = draft.file.tell()
            draft.replace(target)
            record_digest(target, sha256, draft.inode)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

    @contextlib.contextmanager
    def _open(self, key: str) -> Iterator[BinaryIO]:
        path = self._path_of(key)
        with self._faults(key):
            # Opening a pipe would block.
            if not path.is_file():
                raise FileNotFoundError
            source = path.open("rb")
        with source:
            yield source

    def _list(self, prefix: str, token: CancelToken) -> Sequence[StoredObject]:
        check_prefix(prefix)
        found: list[StoredObject] = []
        folders = [prefix.rpartition("/")[0]]
        if folders[0]:
            self._path_of(folders[0])
        while folders:
            token.check()
            folder = folders.pop()
            with self._faults(folder, missing_ok=True), os.scandir(self._folder / folder) as there:
                for entry in there:
                    key = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name.startswith(RESERVED):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if key.startswith(prefix) or prefix.startswith(f"{key}/"):
                            folders.append(key)
                    elif key.startswith(prefix) and entry.is_file():
                        with contextlib.suppress(FileNotFoundError):
                            found.append(_stored(key, entry.stat()))
        return sorted(found, key=lambda stored: stored.key)

    def _remove(self, path: Path) -> None:
        digest_file(path).unlink(missing_ok=True)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        # Object storages have no folders: remove those that are empty.
        for folder in path.parents:
            if folder == self._folder:
                return
            try:
                folder.rmdir()
            except OSError:
                return

    @contextlib.contextmanager
    def _faults(self, key: str, *, missing_ok: bool = False) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            if missing_ok and isinstance(fault, (FileNotFoundError, NotADirectoryError)):
                return
            raise self._error(key, fault) from fault

    def _error(self, key: str, fault: OSError) -> HeliosError:
        url = self.url_of(key)
        if isinstance(fault, FileNotFoundError):
            if not self._folder.is_dir():
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


def _stored(key: str, status: os.stat_result, sha256: str | None = None) -> StoredObject:
    return StoredObject(
        key=key,
        bytes=status.st_size,
        version=f"{status.st_ino:x}-{status.st_mtime_ns:x}",
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        sha256=sha256,
    )
