"""Digests of objects in a local folder: computed while copying, and recorded beside the object."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from helios.concurrency import CancelToken
from helios.storage.keys import RESERVED
from helios.storage.local.draft import draft_for

#: Bytes that are read, digested and written at once.
BLOCK = 1024 * 1024


def copy_digested(source: BinaryIO, sink: BinaryIO, token: CancelToken) -> str:
    """Copy a file and return its digest."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(BLOCK))
    while count := source.readinto(buffer):  # type: ignore[attr-defined]
        token.check()
        digest.update(buffer[:count])
        write_all(buffer[:count], sink)
    return digest.hexdigest()


def write_digested(data: bytes, sink: BinaryIO) -> str:
    """Write bytes and return their digest."""
    write_all(memoryview(data), sink)
    return hashlib.sha256(data).hexdigest()


def write_all(data: memoryview, sink: BinaryIO) -> None:
    """Write bytes to an unbuffered file, which may take several calls."""
    while data:
        data = data[sink.write(data) :]


def digest_file(path: Path) -> Path:
    """Return the file that holds the digest of an object."""
    return path.with_name(f"{RESERVED}{path.name}.sha256")


def record_digest(path: Path, sha256: str, inode: int) -> None:
    """Record the digest of an object, for the file with this inode."""
    with draft_for(path) as draft:
        draft.file.write(f"{sha256} {inode}\n".encode())
        draft.replace(digest_file(path))


def recorded_digest(path: Path, opened: BinaryIO) -> str | None:
    """Return the digest recorded for an open file; None if it was recorded for another inode."""
    try:
        sha256, inode = digest_file(path).read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return sha256 if inode == str(os.fstat(opened.fileno()).st_ino) else None
