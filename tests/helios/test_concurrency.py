import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helios.concurrency import CancelToken, map_limited, run_blocking


def test_the_result_comes_back() -> None:
    assert asyncio.run(run_blocking(lambda _token: threading.current_thread())) != (
        threading.current_thread()
    )


def test_an_error_comes_back() -> None:
    def fail(_token: CancelToken) -> None:
        raise ValueError("in the thread")

    with pytest.raises(ValueError, match="in the thread"):
        asyncio.run(run_blocking(fail))


def test_a_cancellation_ends_the_work_and_waits_for_its_end() -> None:
    events: list[str] = []

    def work(token: CancelToken) -> None:
        try:
            while True:
                token.check()
                time.sleep(0.001)
        finally:
            time.sleep(0.05)
            events.append("cleaned up")

    async def cancel() -> None:
        task = asyncio.ensure_future(run_blocking(work))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        events.append("cancelled")

    asyncio.run(cancel())

    assert events == ["cleaned up", "cancelled"]


def test_work_runs_in_the_threads_that_are_given() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        name = asyncio.run(run_blocking(lambda _token: threading.current_thread().name, pool=pool))

    assert name.startswith("mine")


def test_a_cancellation_while_it_waits_for_a_thread_lets_it_never_begin() -> None:
    begun: list[str] = []

    def begin(token: CancelToken) -> None:
        token.check()
        begun.append("second")

    async def crowd() -> None:
        with ThreadPoolExecutor(1) as pool:
            release = threading.Event()
            first = asyncio.ensure_future(run_blocking(lambda _token: release.wait(), pool=pool))
            second = asyncio.ensure_future(run_blocking(begin, pool=pool))
            await asyncio.sleep(0.01)
            second.cancel()
            asyncio.get_running_loop().call_later(0.05, release.set)
            await asyncio.wait([first, second])

    asyncio.run(crowd())

    assert begun == []


def test_calls_run_up_to_the_limit_and_return_in_order() -> None:
    running: list[int] = []
    most = 0

    async def double(number: int) -> int:
        nonlocal most
        running.append(number)
        most = max(most, len(running))
        await asyncio.sleep(0.01 / (number + 1))
        running.remove(number)
        return 2 * number

    assert asyncio.run(map_limited(double, range(7), limit=3)) == [0, 2, 4, 6, 8, 10, 12]
    assert most == 3


def test_a_failure_is_raised_after_the_other_calls_have_ended() -> None:
    events: list[str] = []

    async def call(name: str) -> None:
        if name == "fails":
            raise ValueError(name)
        try:
            await asyncio.sleep(60)
        finally:
            events.append(f"{name} ended")

    async def run() -> None:
        with pytest.raises(ValueError, match="fails"):
            await map_limited(call, ["waits", "fails"], limit=2)
        events.append("raised")

    asyncio.run(run())

    assert events == ["waits ended", "raised"]
