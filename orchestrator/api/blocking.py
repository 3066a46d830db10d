"""Blocking forms of coroutine functions, for callers without an event loop."""

import asyncio
import functools
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar, overload

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Result = TypeVar("_Result")


@overload
def blocking(function: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, _T]: ...


@overload
def blocking(
    function: Callable[_P, Coroutine[Any, Any, _T]], convert: Callable[[_T], _Result]
) -> Callable[_P, _Result]: ...


def blocking(
    function: Callable[_P, Coroutine[Any, Any, Any]], convert: Callable[[Any], Any] | None = None
) -> Callable[_P, Any]:
    """Return a function that runs a coroutine function to its end, and converts its result.

    It has the same parameters, types and docstring, and the same name without `_async`.
    """

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Any:
        result = run(function(*args, **kwargs))
        return result if convert is None else convert(result)

    call.__name__ = function.__name__.removesuffix("_async")
    call.__qualname__ = function.__qualname__.removesuffix("_async")
    return call


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end, where no event loop runs in this thread; return its result."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError("an event loop runs in this thread: await the async form in place of this")


def iterate(items: AsyncIterator[_T]) -> Iterator[_T]:
    """Yield the items of an asynchronous iterator."""
    with asyncio.Runner() as runner:
        while True:
            try:
                yield runner.run(_next(items))
            except StopAsyncIteration:
                return


async def _next(items: AsyncIterator[_T]) -> _T:
    return await anext(items)


def iterate_in_background(items: AsyncGenerator[_T, None]) -> Iterator[_T]:
    """Yield the items of an asynchronous generator, whose event loop runs on another thread.

    What makes the items goes on while the caller works with one. A caller that stops early ends it.
    """
    made: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    working: list[asyncio.Task[None]] = []

    async def work() -> None:
        try:
            async for item in items:
                made.put((True, item))
        finally:
            await items.aclose()

    def serve() -> None:
        fault: BaseException | None = None
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            try:
                runner.run(started())
            except BaseException as found:
                fault = found
        made.put((False, fault))

    async def started() -> None:
        working.append(asyncio.ensure_future(work()))
        await working[0]

    thread = threading.Thread(target=serve, name="helios-iterate", daemon=True)
    thread.start()
    ended = False
    try:
        while True:
            is_item, value = made.get()
            if not is_item:
                ended = True
                if value is not None:
                    raise value
                return
            yield value
    finally:
        if not ended:
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in working])
            thread.join()
