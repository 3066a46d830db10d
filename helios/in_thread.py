"""Blocking work beside the event loop, which a cancellation ends before it goes on."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from helios.to_the_end import to_the_end

Result = TypeVar("Result")


class Halted(Exception):
    """Raised by `Halt.check` inside of work whose result nobody waits for any more."""


class Halt:
    """Tells work in a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask the work to end."""
        self._asked.set()

    def check(self) -> None:
        """Raise `Halted` if the work was asked to end; to be called every few milliseconds."""
        if self._asked.is_set():
            raise Halted


async def in_thread(work: Callable[[Halt], Result], *, pool: Executor | None = None) -> Result:
    """Run blocking work in a thread, and outlive it.

    A cancellation asks the work to end and waits until it did: what it holds (a temporary file, an
    upload) is cleaned up by then.

    Parameters
    ----------
    work:
        Gets a `Halt` to look at between its steps.
    pool:
        Threads to run in; the event loop's own by default.
    """
    halt = Halt()
    running = asyncio.get_running_loop().run_in_executor(pool, work, halt)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        halt.ask()
        await to_the_end(_end_of(running))
        raise


async def _end_of(running: "asyncio.Future[Result]") -> None:
    await asyncio.wait([running])
    if not running.cancelled():
        running.exception()
