"""Transfers large objects in parallel parts, digested and written in order.

One connection to a cloud's storage reaches 50 to 100 MB/s.
"""

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import BinaryIO, Protocol

from helios.concurrency import CancelToken, run_blocking

#: Size of a part in bytes: smaller ones take more requests, larger ones more memory.
PART = 8 * 1024**2
#: Parts transferred at the same time, of all objects.
PARALLEL = 8
#: Limit of parts of an object.
_MAX_PARTS = 9_000


class Lanes:
    """Divides the concurrent parts among the objects being transferred, to limit memory.

    Each object has at least one. Enter the context for each object; threads may share it.
    """

    def __init__(self) -> None:
        self._objects = 0
        self._lock = threading.Lock()

    def __enter__(self) -> "Lanes":
        with self._lock:
            self._objects += 1
        return self

    def __exit__(self, *_fault: object) -> None:
        with self._lock:
            self._objects -= 1

    @property
    def each(self) -> int:
        """Current number of concurrent parts per object."""
        return max(1, PARALLEL // max(1, self._objects))


class Buffer(Protocol):
    """Bytes of a buffer, whose owner may be native code."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


def part_size(size: int) -> int:
    """Return the part size in bytes for a file of `size` bytes."""
    return max(PART, -(-size // _MAX_PARTS))


async def write_parts(
    sink: BinaryIO,
    size: int,
    fetch: Callable[[int, int], Awaitable[Buffer]],
    *,
    lanes: Lanes,
    first: Buffer = b"",
) -> str:
    """Fetch an object of `size` bytes into a file, written from its start; return its digest.

    `fetch` fetches the bytes from one offset up to another. `first` are the first bytes, if they
    are fetched already.
    """
    digest = hashlib.sha256()

    async def take(part: Buffer) -> None:
        def write(_token: CancelToken) -> None:
            digest.update(part)
            sink.write(part)

        await run_blocking(write)

    coming: deque[asyncio.Future[Buffer]] = deque()
    try:
        await take(first)
        for start in range(len(first), size, PART):
            while len(coming) >= lanes.each:
                await take(await coming.popleft())
            coming.append(asyncio.ensure_future(fetch(start, min(start + PART, size))))
        while coming:
            await take(await coming.popleft())
    finally:
        for part in coming:
            part.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
    return digest.hexdigest()


def digest_of(source: BinaryIO, token: CancelToken) -> tuple[str, int]:
    """Return digest and size of a file from its current position on."""
    digest = hashlib.sha256()
    size = 0
    while block := source.read(1024**2):
        token.check()
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
