"""Which execution of a Cloud Run job renders a run of a job, as its folder says."""

from datetime import datetime

from pydantic import Field

from helios.errors import ArtifactNotFound
from helios.records.stored_model import StoredModel
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.runs import RUNS

#: Key, in a job's folder, of what says which execution renders it.
EXECUTION = "execution.json"
_MAX_RECORD_BYTES = 64 * 1024


class ExecutionRecord(StoredModel):
    """Which execution renders a job: the only one, as this is written once."""

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
