"""Jobs that begin only as long as there is money and time for them."""

import asyncio

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError, WorkerThrottled
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import TakenCallback, WorkerAdapter
from orchestrator.model.limits import Limits, Price, Try
from orchestrator.scheduling.endpoint import DENIALS

# What is turned away costs nothing, and shows nothing of how long a job takes.
_FREE = DENIALS | {WorkerThrottled.code}


class LimitedAdapter(WorkerAdapter):
    """Hands jobs to another adapter unless that would pass a limit, and counts what they cost.

    Without a price, jobs are free.
    """

    def __init__(self, adapter: WorkerAdapter, limits: Limits, *, price: Price | None) -> None:
        self.queues = adapter.queues
        self._adapter = adapter
        self._limits = limits
        self._price = price

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job.

        Raises:
            CostLimitReached, DeadlineReached: It would pass a limit; that concerns the job as a
                whole.
        """
        begun = await self._limits.begin(self._price)
        try:
            result = await self._adapter.execute(job, on_output=on_output)
        except asyncio.CancelledError:
            self._limits.give_up(begun)
            raise
        except HeliosError as fault:
            self._end(begun, fault.code)
            raise
        error = result.failure
        self._end(begun, None if error is None else error.code)
        return result

    def when_taken(self, tell: TakenCallback) -> None:
        self._adapter.when_taken(tell)

    async def close(self) -> None:
        await self._adapter.close()

    def _end(self, begun: Try, code: str | None) -> None:
        if code in _FREE:
            self._limits.forget(begun)
        else:
            self._limits.end(begun)


def limited(adapter: WorkerAdapter, limits: Limits, *, price: Price | None) -> WorkerAdapter:
    """Return an adapter that keeps to limits, if there are any."""
    return LimitedAdapter(adapter, limits, price=price) if limits.are_set else adapter
