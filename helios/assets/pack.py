"""Packs a composition's folder into an archive, with the same bytes on every machine."""

import contextlib
import hashlib
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, cast

from helios.assets.archive import SUFFIX, TOP_FOLDER, ArchiveLimits, archive_name
from helios.assets.ignore import IGNORE_FILE, ignore_rules
from helios.concurrency import CancelToken, run_blocking
from helios.errors import ArchiveInvalid, CompositionNotFound
from helios.storage import ArtifactStorage

#: Zstandard's level: 3 packs several hundred MB per second.
_LEVEL = 3
#: Permissions of all files in an archive.
_MODE = 0o644


@dataclass(frozen=True, slots=True)
class PackedAssets:
    """An archive of a composition's folder.

    Attributes:
        sha256: Digest of the uncompressed tar file.
        bytes: Size of the archive.
        path: Path of the archive.
    """

    sha256: str
    bytes: int
    path: Path


def pack_assets(
    folder: Path,
    target: Path,
    *,
    leave_out: Collection[str] = (),
    only: Collection[str] | None = None,
    limits: ArchiveLimits | None = None,
    token: CancelToken | None = None,
) -> PackedAssets:
    """Pack a composition's folder.

    The archive depends only on the names and content of files, not on their order on disk, times,
    owners and permissions. Empty folders are omitted. A link to a target inside the folder is
    packed as its target.

    Raises `CompositionNotFound` if there is no such folder, and `ArchiveInvalid` if a link leads
    outside, an entry isn't a file or can't be read, or a limit is exceeded.

    Args:
        folder: The composition's folder, with or without a `.heliosignore` file.
        target: File to write.
        leave_out: Files and folders to omit, relative to the composition's folder.
        only: Files to pack, relative to the composition's folder; None for all.
        limits: Limits that workers accept.
        token: Cancels packing; checked between files.
    """
    import zstandard  # noqa: PLC0415 - needed only for packing and unpacking

    if not folder.is_dir():
        raise CompositionNotFound(f"{folder}: there is no such folder")
    limits = limits or ArchiveLimits()
    digest = hashlib.sha256()
    with target.open("wb") as sink:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=-1)
        with compressor.stream_writer(sink, closefd=False) as packed:
            tee = _Tee(packed, digest.update)
            with tarfile.open(
                fileobj=cast("BinaryIO", tee), mode="w|", format=tarfile.PAX_FORMAT
            ) as tar:
                for name, path in _files(folder, leave_out=leave_out, only=only, limits=limits):
                    if token:
                        token.check()
                    _add(tar, name, path)
                    limits.check_bytes(tee.bytes, of=str(folder))
        size = sink.tell()
    limits.check_bytes(tee.bytes, of=str(folder), packed=size)
    return PackedAssets(sha256=digest.hexdigest(), bytes=size, path=target)


def folder_digest(
    folder: Path, *, leave_out: Collection[str] = (), only: Collection[str] | None = None
) -> str:
    """Return a digest of the names and the content of all files that would be packed.

    Raises:
        ArchiveInvalid: As for `pack_assets`.
    """
    digest = hashlib.sha256()
    limits = ArchiveLimits()
    for name, path in _files(folder, leave_out=leave_out, only=only, limits=limits):
        with _readable(path) as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


async def upload_assets(storage: ArtifactStorage, folder: Path) -> str:
    """Store a composition's folder unless it is stored already; return its URL.

    Raises:
        CompositionNotFound, ArchiveInvalid: As for `pack_assets`.
    """
    with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
        target = Path(scratch, f"assets{SUFFIX}")
        packed = await run_blocking(lambda token: pack_assets(folder, target, token=token))
        key = archive_name(packed.sha256)
        if await storage.stat(key) is None:
            await storage.put_file(key, packed.path)
    return storage.url_of(key)


class _Writer(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Tee:
    """Writes to a sink and a digest."""

    def __init__(self, sink: _Writer, show: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._show = show
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self._show(data)
        self.bytes += len(data)
        self._sink.write(data)
        return len(data)


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    with _readable(path) as source:
        entry = tarfile.TarInfo(f"{TOP_FOLDER}/{name}")
        entry.size = os.fstat(source.fileno()).st_size
        entry.mode = _MODE
        try:
            tar.addfile(entry, source)
        except OSError as fault:
            raise ArchiveInvalid(f"{path} changed while it was packed: {fault}") from fault


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[BufferedReader]:
    try:
        source = path.open("rb")
    except OSError as fault:
        raise ArchiveInvalid(f"{path} can't be read: {fault.strerror}") from fault
    with source:
        yield source


def _files(
    folder: Path,
    *,
    leave_out: Collection[str],
    only: Collection[str] | None,
    limits: ArchiveLimits,
) -> Iterator[tuple[str, Path]]:
    """Yield the names and paths of all files to pack, sorted by name."""
    root = folder.resolve()
    ignored = ignore_rules(root)
    # What is packed, with the folders that it is in.
    chosen = None if only is None else {above for name in only for above in (name, *_above(name))}
    found: list[tuple[str, Path]] = []
    # Folders to visit: name relative to the root, path, and the paths of its parents.
    folders: list[tuple[str, Path, frozenset[Path]]] = [("", root, frozenset())]
    while folders:
        above, place, around = folders.pop()
        around |= {place}
        for entry in _entries(place):
            name = above + entry.name
            if chosen is not None and name not in chosen:
                continue
            is_folder = entry.is_dir()
            if name in leave_out or ignored(f"{name}/" if is_folder else name):
                continue
            path = _inside(root, Path(entry.path), name)
            if not is_folder:
                found.append((name, path))
            elif path in around:
                raise ArchiveInvalid(f"{name} is a link to a folder that it is in")
            else:
                folders.append((f"{name}/", path, around))
        limits.check_entries(len(found), of=str(folder))
    if not found:
        raise ArchiveInvalid(f"{folder} holds no files to render")
    yield from sorted(found)


def _above(name: str) -> list[str]:
    """Return the folders that a file is in, but for the root."""
    return [parent.as_posix() for parent in PurePosixPath(name).parents][:-1]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as fault:
        raise ArchiveInvalid(f"{folder} can't be read: {fault.strerror}") from fault


def _inside(root: Path, path: Path, name: str) -> Path:
    """Return the resolved path of an entry, which must be a file or folder inside the root."""
    if _has_surrogates(name):
        raise ArchiveInvalid(f"{name!r} is not a name in UTF-8", hint="Rename the file.")
    try:
        place = path.resolve(strict=True)
        mode = place.stat().st_mode
    except (OSError, RuntimeError) as fault:
        raise ArchiveInvalid(
            f"{name} is a link that leads nowhere", hint=f"Remove it, or name it in {IGNORE_FILE}."
        ) from fault
    if not place.is_relative_to(root):
        raise ArchiveInvalid(
            f"{name} is a link to {place}, outside the composition's folder",
            hint=f"Copy what it leads to into the folder, or name the link in {IGNORE_FILE}.",
        )
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ArchiveInvalid(
            f"{name} is neither a file nor a folder", hint=f"Name it in {IGNORE_FILE}."
        )
    return place


def _has_surrogates(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False
