"""Large objects in parts: several on their way at once, digested and written in their order.

One connection to a cloud's storage carries 50 to 100 MB/s, whatever the machine could take.
"""

import asyncio
import hashlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import BinaryIO, Protocol

from helios.concurrency import CancelToken, run_blocking

#: Bytes of one part. Smaller ones cost more requests, larger ones more memory.
PART = 8 * 1024**2
#: Parts on their way at once, whether of one object or of several.
PARALLEL = 8
#: Parts that an object may have.
_MAX_PARTS = 9_000


class Lanes:
    """Divides the parts that may be on their way among the objects that are, to bound memory.

    Each object has at least one. Entered for each object; safe to share between threads.
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
        """Parts of each object that may be on their way now."""
        return max(1, PARALLEL // max(1, self._objects))


class Buffer(Protocol):
    """Bytes of a buffer, whose owner may be native code."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


def part_size(size: int) -> int:
    """Return the bytes of each part in which a file of `size` bytes is stored."""
    return max(PART, -(-size // _MAX_PARTS))


async def write_parts(
    sink: BinaryIO,
    size: int,
    fetch: Callable[[int, int], Awaitable[Buffer]],
    *,
    lanes: Lanes,
    first: Buffer = b"",
) -> str:
    """Fetch an object into a file and return its digest.

    Parameters
    ----------
    sink:
        File that is written from its start.
    size:
        Bytes of the object.
    fetch:
        Fetches the bytes from one offset up to another.
    lanes:
        How many parts may be on their way, which changes with what else is.
    first:
        What is there already of its start.
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
    """Return the digest and the size of a file, from where it is read up to its end."""
    digest = hashlib.sha256()
    size = 0
    while block := source.read(1024**2):
        token.check()
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
