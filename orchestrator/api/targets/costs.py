"""The cost of jobs by list prices."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from orchestrator.cost import AwsWorkers, Cost, GoogleWorkers, Usage, Workers, cost_of
from orchestrator.cost.invocation import workers_behind
from orchestrator.cost.limit import seconds_paid_for
from orchestrator.model.deployment import CloudRunWorkers, Deployment
from orchestrator.model.job import JobSummary
from orchestrator.model.location import AdapterSettings


def workers_of(deployment: Deployment | None, *, region: str | None = None) -> Workers:
    """Return what decides the price of workers; without a deployment, that of a stack on AWS."""
    if deployment is None:
        return AwsWorkers() if region is None else AwsWorkers(region=region)
    if isinstance(deployment, CloudRunWorkers):
        return GoogleWorkers(
            region=deployment.region, cpu=deployment.cpu, memory_gib=deployment.memory_gib
        )
    return AwsWorkers(
        region=deployment.region,
        architecture=deployment.architecture,
        chunk_memory=deployment.chunk_memory,
        chunk_disk=deployment.chunk_disk,
        merge_memory=deployment.merge_memory,
        merge_disk=deployment.merge_disk,
    )


def cost_deadline(
    max_cost: float | None, deployment: Deployment, *, chunks: int, at_once: int
) -> datetime | None:
    """Return when a render that begins now may reach its cost limit; None without a limit.

    Raises:
        CostLimitReached: The limit pays for less than a second.
    """
    if max_cost is None:
        return None
    workers = workers_of(deployment)
    seconds = seconds_paid_for(max_cost, workers, chunks=chunks, at_once=at_once)
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def cost_of_job(job: JobSummary) -> Cost | None:
    """Return the cost until now of a job with remote workers; None for a local job.

    All attempts count at the price of the job's most expensive workers: the record doesn't say
    which of them ran what.
    """
    usage = Usage(
        chunks=job.chunks_done,
        invocations=job.metrics.attempts,
        chunk_seconds=job.metrics.worker_ms / 1000,
        detached=False,
    )
    remote = [each for each in job.location.adapters if not job.location.is_local]
    return await cost_of_usage(usage, remote)


async def cost_of_usage(usage: Usage, adapters: Sequence[AdapterSettings]) -> Cost | None:
    """Return the cost of what remote workers did, all at the price of the most expensive ones."""
    costs = [cost_of(usage, (await workers_behind(each)).workers) for each in adapters]
    return max(costs, key=lambda cost: cost.dollars, default=None)
