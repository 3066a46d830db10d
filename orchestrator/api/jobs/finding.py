"""Finds jobs by their ids: in a job store first, then in a deployment."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass

from helios.errors import ArtifactCorrupt, JobNotFound, JobRecordInvalid, OptionInvalid
from orchestrator.api.jobs.async_job import AsyncJobHandle
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.api.jobs.job_status import STATES, JobStatus, State
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.api.targets.deployments import DeploymentName, detached_renders
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.batch import BatchStatus, DetachedBatch
from orchestrator.backends.detached.batch_record import batch_of
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.display.display import Display
from orchestrator.model.deployment import Deployment
from orchestrator.model.job import JobSummary
from orchestrator.model.job_state import JobState

#: Jobs that an engine is asked for, at most, to find those in some states.
_MOST_RECENT = 1000


async def find_job(
    job_id: str, store: JobStore, name: DeploymentName, display: Display | None = None
) -> AsyncJobHandle:
    """Return the job with an id: of a job store, else of the deployment that `name` identifies.

    Raises:
        JobNotFound: Neither has the job.
    """
    recorded = RecordedJob(job_id, store, display)
    try:
        await recorded.status()
    except JobNotFound:
        deployment = await name.find_if_named()
        if deployment is None:
            raise
        return DetachedJob(job_id, deployment)
    return recorded


@dataclass(frozen=True, slots=True)
class RecordedJobs:
    """Jobs of a store, the newest first, each with status and record."""

    jobs: list[tuple[JobStatus, JobSummary]]
    #: Records that couldn't be read.
    faults: list[JobRecordInvalid]


async def recorded_jobs(
    store: JobStore, *, states: Collection[State] = (), limit: int | None = None
) -> RecordedJobs:
    """Return the jobs of a store that are in one of some states, by default in any."""
    wanted = {JobState.RUNNING if state == "interrupted" else JobState(state) for state in states}
    # The repository can't tell jobs that run from interrupted ones.
    told_apart = not states or ("running" in states) == ("interrupted" in states)
    found: list[tuple[JobStatus, JobSummary]] = []
    async with store.open() as repository:
        listing = await repository.list(states=wanted or None, limit=limit if told_apart else None)
        for job in listing.jobs:
            gone = await repository.is_interrupted(job)
            status = JobStatus.of_record(job, interrupted=gone)
            if not states or status.state in states:
                found.append((status, job))
    return RecordedJobs(found[:limit], list(listing.faults))


@dataclass(frozen=True, slots=True)
class DetachedListing:
    """The latest jobs of a deployment, the newest first."""

    deployment: Deployment
    #: Jobs that render no row of a batch that is recorded.
    executions: list[Execution]
    batches: list[BatchStatus]


async def detached_jobs(
    deployment: Deployment, *, states: Collection[State] = (), limit: int
) -> DetachedListing:
    """Return the latest jobs of a deployment, as its engine lists them."""
    async with detached_renders(deployment) as renders:
        executions, batches = await listed_renders(renders, states=states, limit=limit)
    return DetachedListing(deployment, executions, batches)


async def listed_renders(
    renders: DetachedRenders, *, states: Collection[State], limit: int
) -> tuple[list[Execution], list[BatchStatus]]:
    """Return the latest renders of no batch, and the latest batches: `limit` together, at most."""
    batches: dict[str, BatchStatus | None] = {}
    asked = limit
    while True:
        recent = await renders.recent(limit=asked)
        found: dict[str, Execution | BatchStatus] = {}
        for each in recent:
            batch_id = batch_of(each.job_id)
            if batch_id is not None and batch_id not in batches:
                batches[batch_id] = await _batch_status(batch_id, renders)
            batch = None if batch_id is None else batches[batch_id]
            listed = each if batch is None else batch
            if not states or listed.state.value in states:
                found[each.job_id if batch is None else batch.record.id] = listed
        if len(found) >= limit or len(recent) < asked or asked >= _MOST_RECENT:
            break
        # Rows of one batch, or renders in other states, were in the way.
        asked = min(4 * asked, _MOST_RECENT)
    latest = list(found.values())[:limit]
    return (
        [each for each in latest if isinstance(each, Execution)],
        [each for each in latest if isinstance(each, BatchStatus)],
    )


async def _batch_status(batch_id: str, renders: DetachedRenders) -> BatchStatus | None:
    """Return how far a batch is; None if its record was deleted, or can't be read."""
    with contextlib.suppress(JobNotFound, ArtifactCorrupt):
        return await (await DetachedBatch.open(batch_id, renders)).status()
    return None


def check_state(name: str) -> State:
    """Return a state by its name; refuse any other name."""
    for state in STATES:
        if state == name:
            return state
    raise OptionInvalid(
        f"`state` {name}: there is no such state", hint=f"States: {', '.join(STATES)}."
    )
