import asyncio

import pytest

from orchestrator.scheduling.worker_slots import WorkerSlots
from tests.orchestrator.little_place import settle


def test_the_slots_limit_all_jobs_together_and_serve_earlier_ones_first() -> None:
    async def scenario() -> None:
        slots, begun, gates = WorkerSlots(2), [], [asyncio.Event() for _ in range(5)]

        async def work(number: int, order: int) -> None:
            async with slots.taken(order):
                begun.append(number)
                await gates[number].wait()

        tasks = [asyncio.create_task(work(n, o)) for n, o in enumerate((1, 2, 9, 3, 1))]
        await settle()
        assert begun == [0, 1]
        gates[0].set()
        await settle()
        assert begun == [0, 1, 4]  # of the first job, though it came last
        gates[4].set()
        gates[1].set()
        await settle()
        assert begun == [0, 1, 4, 3, 2]
        for gate in gates:
            gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_cancelled_wait_loses_no_slot() -> None:
    async def scenario() -> None:
        slots, gate = WorkerSlots(1), asyncio.Event()

        async def work() -> None:
            async with slots.taken(0):
                await gate.wait()

        first, second, third = (asyncio.create_task(work()) for _ in range(3))
        await settle()
        second.cancel()
        first.cancel()  # hands its slot on, maybe to one that is cancelled
        await settle()
        third_began = not third.done()
        gate.set()
        await third
        assert third_began
        async with asyncio.timeout(5), slots.taken(0):
            pass
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())
