"""Deployed workers that are open: their endpoints, which jobs may share."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import TakenCallback, WorkerAdapter
from orchestrator.backends.deployed_workers import (
    DeployedWorkers,
    WorkerOpener,
    priced,
    spent_before,
)
from orchestrator.model.job import Job
from orchestrator.model.limits import Limits
from orchestrator.model.location import AdapterSettings
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.endpoint import Endpoint
from orchestrator.scheduling.limited_adapter import limited
from orchestrator.scheduling.load_balancer import LoadBalancer


class Fleet:
    """Endpoints of deployed workers, with one load balancer over those that render.

    Args:
        most: Maximum of chunks at once for each endpoint.
        limits: Limits that what they run counts towards.
    """

    def __init__(self, workers: Sequence[DeployedWorkers], *, most: int, limits: Limits) -> None:
        self.workers = tuple(workers)
        self.limits = limits
        self._most = most
        self.endpoints = [self._endpoint(each, each.adapter) for each in workers]
        self.merge_endpoints = [
            self._endpoint(each, each.merge_adapter) for each in workers if each.merge_adapter
        ]
        self._balancer = LoadBalancer(self.endpoints)
        self._balancer.when_taken(self._note_taken)
        self._told: dict[str | None, TakenCallback] = {}

    def adapter(
        self,
        folder: str,
        job_path: Callable[[], str],
        on_result: Callable[[WorkerJob, WorkerResult], None],
    ) -> WorkerAdapter:
        """Return the adapter for the chunks of one job.

        Args:
            folder: The job's folder, which is the working directory of its commands.
            job_path: Returns the URL of its spec in one of the storages, which changes when it is
                healed.
            on_result: Called with every command, and its result.
        """
        return _JobChunks(self, folder, job_path, on_result)

    async def run(self, job: WorkerJob, on_output: OutputCallback | None) -> WorkerResult:
        """Run one job in the endpoint with the most room."""
        return await self._balancer.execute(job, on_output=on_output)

    def when_taken(self, folder: str, tell: TakenCallback) -> None:
        """Call a function when an endpoint accepts a waiting job of a folder."""
        self._told[folder] = tell

    def forget(self, folder: str) -> None:
        """Call no function for a folder any more."""
        self._told.pop(folder, None)

    async def close(self) -> None:
        """Close all connections."""
        for workers in self.workers:
            await workers.adapter.close()
            if workers.merge_adapter is not None:
                await workers.merge_adapter.close()

    def _note_taken(self, job: WorkerJob, endpoint: str | None) -> None:
        tell = self._told.get(job.cwd)
        if tell is not None:
            tell(job, endpoint)

    def _endpoint(self, workers: DeployedWorkers, adapter: WorkerAdapter) -> Endpoint:
        return Endpoint(
            name=workers.name,
            adapter=limited(adapter, self.limits, price=workers.price),
            weight=workers.weight,
            most=self._most,
            artifacts=workers.artifacts,
            jitter=random.random,
        )


class _JobChunks(WorkerAdapter):
    """The chunks of one job, on the workers of a fleet."""

    queues = True

    def __init__(
        self,
        fleet: Fleet,
        folder: str,
        job_path: Callable[[], str],
        on_result: Callable[[WorkerJob, WorkerResult], None],
    ) -> None:
        self._fleet = fleet
        self._folder = folder
        self._job_path = job_path
        self._on_result = on_result

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job."""
        sent = job
        if job.task is not None:
            sent = replace(job, task=replace(job.task, job_path=self._job_path()))
        result = await self._fleet.run(sent, on_output)
        self._on_result(job, result)
        return result

    def when_taken(self, tell: TakenCallback) -> None:
        self._fleet.when_taken(self._folder, tell)


async def open_fleet(
    job: Job, settings: RunSettings, adapters: Sequence[AdapterSettings], opener: WorkerOpener
) -> Fleet:
    """Return the workers of one job, with its own limits, towards which earlier runs count."""
    workers = opener(adapters, concurrency=settings.concurrency)
    if settings.max_cost is not None:
        workers = await priced(workers, adapters)
    spent = spent_before(job.metrics.worker_ms / 1000, job.metrics.attempts, workers)
    limits = Limits(max_cost=settings.max_cost, deadline=settings.deadline, spent=spent)
    return Fleet(workers, most=settings.concurrency, limits=limits)
