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
    background = _Background(items)
    background.start()
    try:
        while True:
            is_item, value = background.made.get()
            if is_item:
                yield value
            elif value is not None:
                raise value
            else:
                return
    finally:
        background.stop()


class _Background(threading.Thread):
    """Runs an asynchronous generator in an event loop of its own.

    Attributes:
        made: Receives `(True, item)` for each item, then `(False, None)` or `(False, error)`.
    """

    def __init__(self, items: AsyncGenerator[Any, None]) -> None:
        super().__init__(name="helios-iterate", daemon=True)
        self.made: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._items = items
        self._lock = threading.Lock()
        self._stopped = False
        self._cancel: Callable[[], object] | None = None

    def run(self) -> None:
        """Put the items and the end into the queue."""
        fault: BaseException | None = None
        try:
            asyncio.run(self._work())
        except BaseException as found:
            fault = found
        self.made.put((False, fault))

    def stop(self) -> None:
        """Cancel the generator unless it has ended, and wait for the thread."""
        with self._lock:
            self._stopped = True
            if self._cancel is not None:
                self._cancel()
        self.join()

    async def _work(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        try:
            with self._lock:
                # The caller may have stopped before there was anything to cancel.
                if self._stopped:
                    return
                self._cancel = functools.partial(loop.call_soon_threadsafe, task.cancel)
            async for item in self._items:
                self.made.put((True, item))
        finally:
            # From here on, the loop may be closed at any time.
            with self._lock:
                self._cancel = None
            await self._items.aclose()
