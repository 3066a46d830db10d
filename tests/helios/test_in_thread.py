import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helios.in_thread import Halt, in_thread


def test_the_result_comes_back() -> None:
    assert asyncio.run(in_thread(lambda _halt: threading.current_thread())) != (
        threading.current_thread()
    )


def test_an_error_comes_back() -> None:
    def fail(_halt: Halt) -> None:
        raise ValueError("in the thread")

    with pytest.raises(ValueError, match="in the thread"):
        asyncio.run(in_thread(fail))


def test_a_cancellation_ends_the_work_and_waits_for_its_end() -> None:
    events: list[str] = []

    def work(halt: Halt) -> None:
        try:
            while True:
                halt.check()
                time.sleep(0.001)
        finally:
            time.sleep(0.05)
            events.append("cleaned up")

    async def cancel() -> None:
        task = asyncio.ensure_future(in_thread(work))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        events.append("cancelled")

    asyncio.run(cancel())

    assert events == ["cleaned up", "cancelled"]


def test_work_runs_in_the_threads_that_are_given() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        name = asyncio.run(in_thread(lambda _halt: threading.current_thread().name, pool=pool))

    assert name.startswith("mine")


def test_a_cancellation_while_it_waits_for_a_thread_lets_it_never_begin() -> None:
    begun: list[str] = []

    def begin(halt: Halt) -> None:
        halt.check()
        begun.append("second")

    async def crowd() -> None:
        with ThreadPoolExecutor(1) as pool:
            release = threading.Event()
            first = asyncio.ensure_future(in_thread(lambda _halt: release.wait(), pool=pool))
            second = asyncio.ensure_future(in_thread(begin, pool=pool))
            await asyncio.sleep(0.01)
            second.cancel()
            asyncio.get_running_loop().call_later(0.05, release.set)
            await asyncio.wait([first, second])

    asyncio.run(crowd())

    assert begun == []
