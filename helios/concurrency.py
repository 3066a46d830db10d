"""Cancellation beside the event loop: cleanup that finishes, and blocking work that ends."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

Result = TypeVar("Result")


async def finish_despite_cancel(
    work: "Coroutine[Any, Any, Result] | asyncio.Task[Result]",
) -> Result:
    """Wait for work to its end; a cancellation that arrives meanwhile is passed on afterwards."""
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
    """Tells blocking work in a thread that it was cancelled."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise `WorkCancelled` if the work was cancelled; call it every few milliseconds."""
        if self._cancelled.is_set():
            raise WorkCancelled


async def run_blocking(
    work: Callable[[CancelToken], Result], *, pool: Executor | None = None
) -> Result:
    """Run blocking work in a thread, and wait for its end even if cancelled.

    A cancellation cancels the token and waits until the work has returned: what it holds (a
    temporary file, an upload) is cleaned up by then.

    Parameters
    ----------
    work:
        Called with a `CancelToken`, which it checks between its steps.
    pool:
        Threads to run in; the event loop's own by default.
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
