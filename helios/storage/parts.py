"""Large objects in parts: several on their way at once, digested and written in their order."""

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import BinaryIO, Protocol

from helios.in_thread import Halt, in_thread

#: Bytes of one part. Smaller ones cost more requests, larger ones more memory.
PART = 8 * 1024**2
#: Parts of one object on their way at once.
PARALLEL = 8
#: Parts that an object may have.
_MAX_PARTS = 9_000


class Buffer(Protocol):
    """Bytes of somebody, who may not be Python."""

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
    first:
        What is there already of its start.
    """
    digest = hashlib.sha256()

    async def take(part: Buffer) -> None:
        def write(_halt: Halt) -> None:
            digest.update(part)
            sink.write(part)

        await in_thread(write)

    coming: deque[asyncio.Future[Buffer]] = deque()
    try:
        await take(first)
        for start in range(len(first), size, PART):
            if len(coming) == PARALLEL:
                await take(await coming.popleft())
            coming.append(asyncio.ensure_future(fetch(start, min(start + PART, size))))
        while coming:
            await take(await coming.popleft())
    finally:
        for part in coming:
            part.cancel()
        await asyncio.gather(*coming, return_exceptions=True)
    return digest.hexdigest()


def digest_of(source: BinaryIO, halt: Halt) -> tuple[str, int]:
    """Return the digest and the size of a file, from where it is read up to its end."""
    digest = hashlib.sha256()
    size = 0
    while block := source.read(1024**2):
        halt.check()
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size
