"""Which execution of a Cloud Run job renders a run of a job, as its folder says."""

from datetime import datetime
from typing import Self

from pydantic import Field, ValidationError

from helios.contract.wire_model import WireModel
from helios.errors import ArtifactNotFound
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.runs import RUNS

#: Key, in a job's folder, of what says which execution renders it.
EXECUTION = "execution.json"
_MAX_RECORD_BYTES = 64 * 1024


class ExecutionRecord(WireModel):
    """Which execution renders a job: the only one, as this is written once."""

    execution: str = Field(description="Name of the execution.")
    job: str = Field(description="Full name of the Cloud Run job that it executes.")
    started_at: datetime = Field(description="Time at which it was requested.")
    tasks: int = Field(description="Number of its tasks.")

    @property
    def full_name(self) -> str:
        """The execution's name in Google Cloud."""
        return f"{self.job}/executions/{self.execution}"

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read a record; None for anything else, which counts as no record."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            return None

    def to_bytes(self) -> bytes:
        """Return the record as JSON."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


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
