"""Runs of a detached render: their names, their chunks, and on Cloud Run their executions."""

import json
import re
from collections.abc import Collection
from datetime import datetime

from pydantic import Field

from helios.errors import ArtifactNotFound
from helios.records.stored_model import StoredModel
from helios.storage import ArtifactStorage

#: What the keys of further runs' chunk lists begin with, in a job's folder.
RUNS = "runs/"
#: What the names of further runs' executions have after the render's id.
SUFFIX = "--run"
#: Key, in a job's folder, of the record of its execution on Cloud Run.
EXECUTION = "execution.json"
_MAX_RECORD_BYTES = 64 * 1024
_KEY = re.compile(rf"{RUNS}([0-9]{{1,6}})\.json")
_NAME = re.compile(rf"(?P<job>.+){SUFFIX}(?P<run>[0-9]{{1,6}})")


async def latest_run(folder: ArtifactStorage) -> int:
    """Return the number of a render's latest run; 1 for the first."""
    found = (_KEY.fullmatch(stored.key) for stored in await folder.list(RUNS))
    return max((int(match[1]) for match in found if match), default=1)


async def claim_run(folder: ArtifactStorage, run: int, chunks: Collection[int]) -> str:
    """Store which chunks a run renders, and return the list's key in the job's folder.

    Of several clients at once, the first one decides. In the list, chunks are where they are in a
    job spec.
    """
    key = f"{RUNS}{run}.json"
    await folder.create(key, json.dumps({"chunks": [{"id": id_} for id_ in chunks]}).encode())
    return key


def run_name(job_id: str, run: int) -> str:
    """Return the name of a run's execution."""
    return job_id if run == 1 else f"{job_id}{SUFFIX}{run}"


def parse_name(name: str) -> tuple[str, int]:
    """Return the render that an execution of this name runs, and the number of the run."""
    found = _NAME.fullmatch(name)
    return (found["job"], int(found["run"])) if found else (name, 1)


class ExecutionRecord(StoredModel):
    """The execution that renders a run; it is written once."""

    execution: str = Field(description="Name of the execution.")
    job: str = Field(description="Full name of the Cloud Run job that it executes.")
    started_at: datetime = Field(description="Time at which it was requested.")
    tasks: int = Field(description="Number of its tasks.")

    @property
    def full_name(self) -> str:
        """The execution's name in Google Cloud."""
        return f"{self.job}/executions/{self.execution}"


def record_key(run: int) -> str:
    """Return the key of a run's record in the job's folder."""
    return EXECUTION if run == 1 else f"{RUNS}{run}-{EXECUTION}"


async def read_execution(folder: ArtifactStorage, run: int) -> ExecutionRecord | None:
    """Return the record of a run, counted from 1; None if it wasn't started."""
    try:
        data = await folder.get_bytes(record_key(run), limit=_MAX_RECORD_BYTES)
    except ArtifactNotFound:
        return None
    return ExecutionRecord.parse(data)
