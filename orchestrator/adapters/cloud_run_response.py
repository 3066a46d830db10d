"""Reads responses of a Cloud Run service, within bounds of size and silence."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from helios.errors import PayloadTooLarge, WorkerUnavailable

if TYPE_CHECKING:
    import aiohttp

# Seconds without any line after which a worker that sends progress counts as gone: it sends one
# every ten.
_SILENCE = 90.0
# Bytes of an answer, or of one line of it: outputs of 64 KiB, thrice, in JSON's longest writing.
_MAX_ANSWER = 6 * 1024 * 1024
_READ_BYTES = 64 * 1024


async def read_whole(response: "aiohttp.ClientResponse") -> bytes:
    """Return the body of a response."""
    # The length of a compressed body isn't that of its content.
    if (
        response.content_length is not None
        and response.content_length <= _MAX_ANSWER
        and "Content-Encoding" not in response.headers
    ):
        return await response.read()
    parts: list[bytes] = []
    size = 0
    while part := await response.content.read(_MAX_ANSWER):
        size += len(part)
        if size > _MAX_ANSWER:
            raise PayloadTooLarge(f"service {response.url}: its answer passes {_MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


async def read_lines(response: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    """Yield the lines of a response as they come."""
    rest = b""
    while True:
        try:
            async with asyncio.timeout(_SILENCE) as silence:
                read = await response.content.read(_READ_BYTES)
        except TimeoutError:
            if not silence.expired():
                raise
            raise WorkerUnavailable(
                f"service {response.url}: sent nothing for {_SILENCE:g} s"
            ) from None
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _MAX_ANSWER:
            raise PayloadTooLarge(
                f"service {response.url}: a line of its answer passes {_MAX_ANSWER} bytes"
            )


def json_object(data: bytes) -> Mapping[str, Any]:
    """Return a JSON object; an empty one if the data is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
