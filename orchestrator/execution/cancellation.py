"""Cancels a run when an event is set."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from helios.errors import Cancelled, HeliosError


@contextlib.asynccontextmanager
async def cancelled_by(event: asyncio.Event | None) -> AsyncIterator[None]:
    """Cancel the body of the context when an event is set, and raise `Cancelled`."""
    if event is None:
        yield
        return
    if event.is_set():
        raise Cancelled("the job was cancelled before it began")

    async def expire() -> None:
        await event.wait()
        timeout.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as timeout:
            watching = asyncio.create_task(expire())
            try:
                yield
            finally:
                watching.cancel()
    except (TimeoutError, HeliosError):
        if timeout.expired():
            raise Cancelled("the job was cancelled") from None
        raise
