"""Deployed workers that are open."""

import random
from collections.abc import Sequence

from orchestrator.adapters.base import WorkerAdapter
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


class Fleet:
    """Endpoints of deployed workers, which jobs may share.

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

    async def close(self) -> None:
        """Close all connections."""
        for workers in self.workers:
            await workers.adapter.close()
            if workers.merge_adapter is not None:
                await workers.merge_adapter.close()

    def _endpoint(self, workers: DeployedWorkers, adapter: WorkerAdapter) -> Endpoint:
        return Endpoint(
            name=workers.name,
            adapter=limited(adapter, self.limits, price=workers.price),
            weight=workers.weight,
            most=self._most,
            artifacts=workers.artifacts,
            jitter=random.random,
        )


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
