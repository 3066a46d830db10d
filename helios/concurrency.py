"""Concurrent calls with a limit, and cancellation of cleanup and of blocking work in threads."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def map_limited(
    call: Callable[[Item], Awaitable[Result]], items: Iterable[Item], *, limit: int
) -> list[Result]:
    """Call a function for each item, `limit` calls at a time; return the results in order.

    The first failure is raised after all other calls have been cancelled and have ended.
    """
    gate = asyncio.Semaphore(limit)

    async def one(item: Item) -> Result:
        async with gate:
            return await call(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def finish_despite_cancel(
    work: "Coroutine[Any, Any, Result] | asyncio.Task[Result]",
) -> Result:
    """Wait until work has ended; raise a cancellation that arrives meanwhile afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as fault:
            cancelled = fault
    if cancelled is not None:
        raise cancelled
    return task.result()


class WorkCancelled(Exception):
    """Raised by `CancelToken.check` in blocking work that was cancelled."""


class CancelToken:
    """Cancellation flag for blocking work in a thread."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Set the flag."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise `WorkCancelled` if the work was cancelled; call it every few milliseconds."""
        if self._cancelled.is_set():
            raise WorkCancelled


async def run_blocking(
    work: Callable[[CancelToken], Result], *, pool: Executor | None = None
) -> Result:
    """Run blocking work in a thread, and wait for its end even if cancelled.

    A cancellation cancels the token and waits until the work has returned, so that its resources (a
    temporary file, an upload) are released.

    Args:
        work: Called with a `CancelToken`, which it has to check regularly.
        pool: Thread pool; the event loop's by default.
    """
    token = CancelToken()
    running = asyncio.get_running_loop().run_in_executor(pool, work, token)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        token.cancel()
        await finish_despite_cancel(_end_of(running))
        raise


async def _end_of(running: "asyncio.Future[Result]") -> None:
    await asyncio.wait([running])
    if not running.cancelled():
        running.exception()
