"""Blocking forms of coroutine functions, for callers without an event loop."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
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
