"""A folder of this machine as artifact storage."""

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import quote

from helios.concurrency import CancelToken, run_blocking
from helios.contract.worker_job import Artifact
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

Result = TypeVar("Result")

#: Bytes that are read, digested and written at once.
BLOCK = 1024 * 1024


class LocalStorage(ArtifactStorage):
    """Artifacts in a folder of this machine, each a file under its own name.

    An object's digest lies beside it, in a hidden file that also names the object's inode. An
    object that was put there by other means has no digest, and is taken as it is.

    Parameters
    ----------
    folder:
        Where the artifacts are; it is made when something is put there.
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
                return self._put(key, target, lambda sink: _copy(source, sink, token))

        return await run_blocking(put)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        def put(_token: CancelToken) -> Artifact:
            target = self._path_of(key)
            with self._faults(key):
                return self._put(key, target, lambda sink: _write(data, sink))

        return await run_blocking(put)

    async def create(self, key: str, data: bytes) -> bool:
        def create(_token: CancelToken) -> bool:
            target = self._path_of(key)
            with self._faults(key), _draft_for(target) as draft:
                sha256 = _write(data, draft.file)
                draft.file.flush()
                try:
                    draft.link(target)
                except FileExistsError:
                    return False
                _note_digest(target, sha256, draft.inode)
                return True

        return await run_blocking(create)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        def get(token: CancelToken) -> Artifact:
            with self._open(key) as source, whole_output(path) as folder:
                expected = sha256 or _noted_digest(self._path_of(key), source)
                with (folder / "whole").open("xb") as sink:
                    found = _copy(source, sink, token)
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
                expected = _noted_digest(self._path_of(key), source)
                check_digest(self.url_of(key), hashlib.sha256(data).hexdigest(), expected)
                return data

        return await run_blocking(get)

    async def copy(self, key: str, to: str) -> Artifact:
        def copy(token: CancelToken) -> Artifact:
            target = self._path_of(to)
            with self._open(key) as source, self._faults(to):
                noted = _noted_digest(self._path_of(key), source)

                def copy_whole(sink: BinaryIO) -> str:
                    found = _copy(source, sink, token)
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
                            _write_all(memoryview(block), sink)
                return digest.hexdigest()

            with self._faults(key):
                return self._put(key, target, fill)

        return await run_blocking(compose)

    async def stat(self, key: str) -> StoredObject | None:
        def stat(_token: CancelToken) -> StoredObject | None:
            try:
                with self._open(key) as source:
                    sha256 = _noted_digest(self._path_of(key), source)
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
        """Do nothing: no file stays open."""

    def _path_of(self, key: str) -> Path:
        check_key(key)
        path = self._folder / key
        if not path.resolve().is_relative_to(self._folder.resolve()):
            raise StorageInvalid(f"key {key!r} leaves {self._folder} by a symbolic link")
        return path

    def _put(self, key: str, target: Path, fill: Callable[[BinaryIO], str]) -> Artifact:
        with _draft_for(target) as draft:
            sha256 = fill(draft.file)
            draft.file.flush()
            size = draft.file.tell()
            draft.replace(target)
            _note_digest(target, sha256, draft.inode)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

    @contextlib.contextmanager
    def _open(self, key: str) -> Iterator[BinaryIO]:
        path = self._path_of(key)
        with self._faults(key):
            # Opening a pipe would wait for a writer.
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
        _digest_file(path).unlink(missing_ok=True)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        # An object storage has no folders, so none stay behind.
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


class _Draft:
    """A file that has no name while it is written, so that a process that dies leaves nothing.

    Where the system or the disk doesn't offer that, it has a hidden name.
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
        """Give it a name that isn't taken; `FileExistsError` if it is."""
        # Only with a folder's descriptor, which absolute paths ignore, does Python ask the system
        # to follow the link that stands for the open file.
        _in_folder(
            target.parent,
            lambda: os.link(
                self._source, target, src_dir_fd=self.file.fileno(), follow_symlinks=True
            ),
        )

    def replace(self, target: Path) -> None:
        """Give it a name, whatever had it before."""
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
        # What is no longer linked was removed meanwhile, which ext4 calls "not permitted".
        if fault.errno == errno.EPERM and os.fstat(there).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder) from fault
        raise
    finally:
        os.close(there)


@contextlib.contextmanager
def _draft_for(target: Path) -> Iterator[_Draft]:
    folder = target.parent
    with contextlib.closing(_in_folder(folder, lambda: _Draft(folder))) as draft:
        yield draft


def _in_folder(folder: Path, act: Callable[[], Result]) -> Result:
    """Do something in a folder, which is made if it isn't there."""
    # Deleting the last object of a folder removes the folder as well, maybe at this moment.
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            _make_folder(folder)
            return act()
    raise FileNotFoundError(errno.ENOENT, "the folder keeps disappearing", str(folder))


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; `FileNotFoundError` if they are removed meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as fault:
        # It is something else, or it was a folder until just now.
        if not stat.S_ISDIR(os.lstat(fault.filename).st_mode):
            raise


def _copy(source: BinaryIO, sink: BinaryIO, token: CancelToken) -> str:
    """Copy a file and return its digest."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    while count := source.readinto(buffer):  # type: ignore[attr-defined]
        token.check()
        digest.update(buffer[:count])
        _write_all(buffer[:count], sink)
    return digest.hexdigest()


def _write(data: bytes, sink: BinaryIO) -> str:
    _write_all(memoryview(data), sink)
    return hashlib.sha256(data).hexdigest()


def _write_all(data: memoryview, sink: BinaryIO) -> None:
    while data:
        data = data[sink.write(data) :]


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{RESERVED}{path.name}.sha256")


def _note_digest(path: Path, sha256: str, inode: int) -> None:
    with _draft_for(path) as draft:
        draft.file.write(f"{sha256} {inode}\n".encode())
        draft.replace(_digest_file(path))


def _noted_digest(path: Path, opened: BinaryIO) -> str | None:
    """Return the digest that was noted for this very file, not for one that it replaced."""
    try:
        sha256, inode = _digest_file(path).read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return sha256 if inode == str(os.fstat(opened.fileno()).st_ino) else None


def _stored(key: str, status: os.stat_result, sha256: str | None = None) -> StoredObject:
    return StoredObject(
        key=key,
        bytes=status.st_size,
        version=f"{status.st_ino:x}-{status.st_mtime_ns:x}",
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        sha256=sha256,
    )
