"""Runs coroutines for callers without an event loop."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, and return its result.

    Raises
    ------
    RuntimeError
        An event loop runs in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError("an event loop runs in this thread: await the async form in place of this")


def iterate(items: AsyncIterator[_T]) -> Iterator[_T]:
    """Yield what an asynchronous iterator yields."""
    with asyncio.Runner() as runner:
        while True:
            try:
                yield runner.run(_next(items))
            except StopAsyncIteration:
                return


async def _next(items: AsyncIterator[_T]) -> _T:
    return await anext(items)
