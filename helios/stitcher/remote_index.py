"""Fetches the index of an MP4 file in storage to a sparse local file."""

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from helios.errors import ChunkOutputInvalid
from helios.storage import ArtifactStorage

#: Largest index in bytes.
_MAX_INDEX = 256 << 20
# Least number of bytes per request; fewer take no less time.
_BLOCK = 4 << 10


@dataclass(frozen=True)
class RemoteFile:
    """An object, and a sparse local file with its headers and index."""

    key: str
    bytes: int
    path: Path


def merged_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges to read for frames (offset, size), with adjacent ones merged."""
    ranges: list[tuple[int, int]] = []
    for offset, size in sorted(spans):
        if ranges and offset - ranges[-1][1] <= _BLOCK:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], offset + size))
        else:
            ranges.append((offset, offset + size))
    return ranges


async def read_index(storage: ArtifactStorage, file: RemoteFile) -> None:
    """Write a sparse file of the object's size with its headers and index."""
    await asyncio.to_thread(_make, file.path, file.bytes)
    blocks = _Blocks(storage, file)
    at = 0
    while at + 8 <= file.bytes:
        head = await blocks.read(at, at + 8)
        size, name = struct.unpack(">I4s", head)
        header = 8
        if size == 1:
            head += await blocks.read(at + 8, at + 16)
            size, header = struct.unpack(">Q", head[8:])[0], 16
        size = size or file.bytes - at
        if size < header or at + size > file.bytes or (name == b"moov" and size > _MAX_INDEX):
            raise ChunkOutputInvalid(f"{file.key} is damaged, or not an MP4 file")
        if name in (b"ftyp", b"moov"):
            head += await blocks.read(at + header, at + size)
        await asyncio.to_thread(fill_in, file.path, at, head)
        at += size


class _Blocks:
    """Reads an object in blocks, so that adjacent boxes take one request."""

    def __init__(self, storage: ArtifactStorage, file: RemoteFile) -> None:
        self._storage = storage
        self._file = file
        self._start = 0
        self._block = b""

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes of a range."""
        if not self._start <= start <= end <= self._start + len(self._block):
            until = min(max(end, start + _BLOCK), self._file.bytes)
            self._block = await self._storage.get_range(self._file.key, start, until)
            self._start = start
        return self._block[start - self._start : end - self._start]


def _make(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def fill_in(path: Path, at: int, data: bytes) -> None:
    """Write bytes into a file at an offset."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
