"""A number of workers that several jobs share, and the adapter that waits for one of them."""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Callable

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import TakenCallback, WorkerAdapter
from orchestrator.scheduling.worker_jobs import time_limit


class WorkerSlots:
    """So many workers at the same time, for jobs in their order.

    Args:
        count: Number of workers.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrival = itertools.count()

    @contextlib.asynccontextmanager
    async def taken(self, order: int) -> AsyncIterator[None]:
        """Have a worker for the time of the context.

        Of those that wait, the one with the lowest `order` is next, then the one that came first.
        """
        if self._free and not self._waiting:
            self._free -= 1
        else:
            await self._turn(order)
        try:
            yield
        finally:
            self._pass_on()

    async def _turn(self, order: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (order, next(self._arrival), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class SlotAdapter(WorkerAdapter):
    """Hands a job's commands to another adapter once there is a slot for them.

    Args:
        order: Place of the job among those that share the slots.
        on_begin: Called when a command has a slot.
    """

    queues = True

    def __init__(
        self,
        adapter: WorkerAdapter,
        slots: WorkerSlots,
        *,
        order: int,
        on_begin: Callable[[], None] | None = None,
    ) -> None:
        self._adapter = adapter
        self._slots = slots
        self._order = order
        self._on_begin = on_begin

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job, whose time limit doesn't include waiting."""
        async with self._slots.taken(self._order):
            if self._on_begin is not None:
                self._on_begin()
            async with time_limit(self._adapter, job):
                return await self._adapter.execute(job, on_output=on_output)

    def when_taken(self, tell: TakenCallback) -> None:
        self._adapter.when_taken(tell)

    async def close(self) -> None:
        await self._adapter.close()
