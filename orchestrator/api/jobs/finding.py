"""Finds jobs by their ids: in a job store first, then in a deployment."""

from collections.abc import Collection
from dataclasses import dataclass

from helios.errors import JobNotFound, JobRecordInvalid, OptionInvalid
from orchestrator.api.jobs.async_job import AsyncJobHandle
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.api.jobs.job_status import STATES, JobStatus, State
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.api.targets.deployments import DeploymentName, detached_renders
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.batch import BatchStatus, DetachedBatch
from orchestrator.backends.detached.batch_record import batch_of
from orchestrator.display.display import Display
from orchestrator.model.deployment import Deployment
from orchestrator.model.job import JobSummary
from orchestrator.model.job_state import JobState


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
    found: list[tuple[JobStatus, JobSummary]] = []
    async with store.open() as repository:
        listing = await repository.list(states=wanted or None, limit=limit)
        for job in listing.jobs:
            gone = await repository.is_interrupted(job)
            status = JobStatus.of_record(job, interrupted=gone)
            if not states or status.state in states:
                found.append((status, job))
    return RecordedJobs(found, list(listing.faults))


@dataclass(frozen=True, slots=True)
class DetachedListing:
    """The latest jobs of a deployment, the newest first."""

    deployment: Deployment
    #: Jobs that render no row of a batch.
    executions: list[Execution]
    batches: list[BatchStatus]


async def detached_jobs(
    deployment: Deployment, *, states: Collection[State] = (), limit: int
) -> DetachedListing:
    """Return the latest jobs of a deployment, as its engine lists them."""
    async with detached_renders(deployment) as renders:
        found = await renders.recent(limit=limit)
        ids = dict.fromkeys(filter(None, (batch_of(each.job_id) for each in found)))
        opened = [await DetachedBatch.open(batch_id, renders) for batch_id in ids]
        batches = [await batch.status() for batch in opened]
    return DetachedListing(
        deployment,
        [
            each
            for each in found
            if batch_of(each.job_id) is None and (not states or each.state.value in states)
        ],
        [each for each in batches if not states or each.state.value in states],
    )


def check_state(name: str) -> State:
    """Return a state by its name; refuse any other name."""
    for state in STATES:
        if state == name:
            return state
    raise OptionInvalid(
        f"`state` {name}: there is no such state", hint=f"States: {', '.join(STATES)}."
    )
