"""Lists of the jobs of a job store."""

from pathlib import Path

import pytest

from orchestrator.api.jobs.finding import recorded_jobs
from orchestrator.api.jobs.job_status import State
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.job_repository import JobRepository
from orchestrator.model.job import JobSummary
from orchestrator.model.job_state import JobState
from tests.orchestrator.job_repository.jobs import a_job


async def test_the_limit_counts_the_jobs_in_the_wanted_states_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = JobStore(str(tmp_path))
    async with store.open() as repository:
        kind: type[JobRepository] = type(repository)
        for minutes, name in enumerate(("lost", "alive")):
            job = a_job(name, minutes=minutes)
            await repository.create(job.model_copy(update={"state": JobState.RUNNING}))

    async def is_interrupted(_: JobRepository, job: JobSummary) -> bool:
        return job.id == "lost"

    monkeypatch.setattr(kind, "is_interrupted", is_interrupted)
    wanted: list[tuple[State, str]] = [("interrupted", "lost"), ("running", "alive")]
    for state, name in wanted:
        found = await recorded_jobs(store, states=[state], limit=1)
        assert [status.id for status, _ in found.jobs] == [name]
