"""Items of an asynchronous generator that runs on another thread."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

import pytest

from orchestrator.api.blocking import iterate_in_background


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "helios-iterate"]


async def numbers(count: int, ended: list[str]) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            yield number
    finally:
        ended.append("ended")


def test_the_thread_has_ended_after_the_last_item_or_an_error() -> None:
    async def failing() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("no more")

    ended: list[str] = []
    assert list(iterate_in_background(numbers(3, ended))) == [0, 1, 2]
    assert (ended, threads()) == (["ended"], [])
    with pytest.raises(ValueError, match="no more"):
        list(iterate_in_background(failing()))
    assert threads() == []


def test_a_caller_may_stop_after_all_items_were_made() -> None:
    items: Any = iterate_in_background(numbers(2, []))
    assert next(items) == 0
    for thread in threads():
        thread.join(5)
    items.close()


def test_a_caller_that_stops_early_ends_what_makes_the_items() -> None:
    ended: list[str] = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    items: Any = iterate_in_background(endless())
    assert next(items) == 1
    items.close()
    assert (ended, threads()) == (["ended"], [])


def test_a_caller_that_stops_before_the_event_loop_runs_ends_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class InterruptedQueue(queue.SimpleQueue[Any]):
        def get(self, *_: Any, **__: Any) -> NoReturn:
            raise KeyboardInterrupt

    async def slow() -> AsyncGenerator[int, None]:
        await asyncio.sleep(1.5)
        yield 1

    run = asyncio.Runner.run

    def run_late(*arguments: Any, **keywords: Any) -> Any:
        time.sleep(0.1)
        return run(*arguments, **keywords)

    monkeypatch.setattr(queue, "SimpleQueue", InterruptedQueue)
    monkeypatch.setattr(asyncio.Runner, "run", run_late)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(iterate_in_background(slow()))
    assert time.monotonic() - began < 1
    assert threads() == []
