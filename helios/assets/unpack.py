"""Unpacks untrusted archives within limits."""

import errno
import hashlib
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, Self, cast

from helios.assets.archive import ArchiveLimits
from helios.concurrency import CancelToken
from helios.errors import ArchiveInvalid, ArtifactCorrupt, DiskFull

#: Bytes unpacked per read.
_BLOCK = 256 * 1024
#: Largest decompression window in bytes.
_MAX_WINDOW = 32 * 1024**2
#: Largest name in bytes, as tar files may declare names that exceed the memory.
_MAX_HEADER = 64 * 1024
_FILE_MODE = 0o444
_FOLDER_MODE = 0o555

_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def unpack_assets(
    archive: Path,
    folder: Path,
    *,
    sha256: str,
    limits: ArchiveLimits | None = None,
    token: CancelToken | None = None,
) -> int:
    """Unpack an archive into a new folder; return the total size of its files in bytes.

    Files and folders are read-only, as several jobs share them. Only plain files and folders are
    created, each once and inside the folder. After an error, the caller removes the folder.

    Args:
        archive: A tar file, compressed with Zstandard.
        folder: Folder to create.
        sha256: Digest of the tar file in the archive.
        limits: Limits of the archive.
        token: Cancels unpacking; checked between blocks.

    Raises:
        ArchiveInvalid: An entry leads outside, is neither file nor folder, or is repeated; or a
            limit is exceeded.
        ArtifactCorrupt: The archive is truncated or damaged, or has another digest.
        DiskFull: No space is left.
    """
    limits = limits or ArchiveLimits()
    with archive.open("rb") as source:
        stream = _TarStream(source, limits=limits, token=token or CancelToken())
        fault: ArchiveInvalid | None = None
        size = 0
        try:
            size = _unpack(stream, folder, limits=limits)
        except tarfile.TarError as broken:
            fault = ArchiveInvalid(f"{archive.name}: not a tar file: {broken}")
        except OSError as refused:
            fault = _write_fault(archive, refused)
        stream.drain()
    if stream.sha256 != sha256:
        raise ArtifactCorrupt(f"{archive.name} holds {stream.sha256}, but {sha256} was promised")
    if fault:
        raise fault
    return size


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _TarStream:
    """The tar file in an archive, digested and counted while it is read."""

    def __init__(self, source: BinaryIO, *, limits: ArchiveLimits, token: CancelToken) -> None:
        import zstandard  # noqa: PLC0415 - needed only for packing and unpacking

        self._broken = zstandard.ZstdError
        self._unpacked: _Readable = zstandard.ZstdDecompressor(
            max_window_size=_MAX_WINDOW
        ).stream_reader(source, read_across_frames=True)
        self._packed_size = os.fstat(source.fileno()).st_size
        self.name = Path(source.name).name
        self._limits = limits
        self._token = token
        self._digest = hashlib.sha256()
        self._bytes = 0

    def read(self, size: int) -> bytes:
        self._token.check()
        try:
            data = self._unpacked.read(size)
        except self._broken as fault:
            if "memory" in str(fault):
                reason = f"{self.name} requires too much memory: {fault}"
                raise ArchiveInvalid(reason) from fault
            raise ArtifactCorrupt(f"{self.name} can't be decompressed: {fault}") from fault
        self._digest.update(data)
        self._bytes += len(data)
        self._limits.check_bytes(self._bytes, of=self.name, packed=self._packed_size)
        return data

    def drain(self) -> None:
        """Read to the end, as the digest includes padding."""
        while self.read(_BLOCK):
            pass

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class _Entry(tarfile.TarInfo):
    """An entry whose name is read only if its length is within limits."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _EXTENDED and entry.size > _MAX_HEADER:
            raise ArchiveInvalid(f"an entry's name and attributes take {entry.size} bytes")
        return entry


def _unpack(stream: _TarStream, folder: Path, *, limits: ArchiveLimits) -> int:
    folder.mkdir()
    total = 0
    made = {folder}
    source = cast("BinaryIO", stream)
    with tarfile.open(fileobj=source, mode="r|", tarinfo=_Entry, bufsize=_BLOCK) as tar:
        for count, entry in enumerate(_entries(tar), 1):
            # Folders count too, as a short file name may create a thousand of them.
            limits.check_entries(max(count, len(made)), of=stream.name)
            path = folder.joinpath(*_steps(entry.name, of=stream.name))
            if entry.isdir():
                _make_folders(path, made)
                continue
            if not entry.isreg() or entry.issparse():
                raise ArchiveInvalid(
                    f"{stream.name}: {entry.name!r} is neither a file nor a folder"
                )
            if path == folder:
                raise ArchiveInvalid(f"{stream.name}: {entry.name!r} is no name for a file")
            _make_folders(path.parent, made)
            total += _extract(tar, entry, path)
    for path in made:
        path.chmod(_FOLDER_MODE)
    return total


def _entries(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (entry := tar.next()) is not None:
        yield entry
        # tarfile keeps all entries for random access.
        tar.members = []  # type: ignore[attr-defined]


def _steps(name: str, *, of: str) -> list[str]:
    steps = [step for step in name.split("/") if step not in ("", ".")]
    if name.startswith("/") or ".." in steps or "\0" in name:
        raise ArchiveInvalid(f"{of}: {name!r} leads outside the archive's folder")
    return steps


def _make_folders(path: Path, made: set[Path]) -> None:
    if path not in made:
        _make_folders(path.parent, made)
        path.mkdir()
        made.add(path)


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> int:
    source = tar.extractfile(entry)
    assert source is not None  # noqa: S101 - only links and devices have no content
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    with source, os.fdopen(os.open(path, flags, _FILE_MODE), "wb") as sink:
        while data := source.read(_BLOCK):
            sink.write(data)
        return sink.tell()


def _write_fault(archive: Path, fault: OSError) -> ArchiveInvalid:
    if fault.errno in (errno.ENOSPC, errno.EDQUOT):
        raise DiskFull(f"{archive.name}: no space left to unpack it") from fault
    if isinstance(fault, (FileExistsError, NotADirectoryError, IsADirectoryError)):
        return ArchiveInvalid(f"{fault.filename}: appears twice in {archive.name}")
    return ArchiveInvalid(f"{archive.name} can't be unpacked: {fault}")
