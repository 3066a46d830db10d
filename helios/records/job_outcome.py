"""The outcome of a detached job: `status.json` in its folder."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.errors import ArtifactNotFound
from helios.records.stored_model import StoredModel
from helios.storage import ArtifactStorage

#: Key of the outcome in a job's folder.
OUTCOME = "status.json"
#: Largest size of an outcome in bytes.
MAX_OUTCOME_BYTES = 1024 * 1024


class FailedChunk(WireModel, extra="ignore"):
    """A chunk that failed in all attempts."""

    chunk_id: int = Field(description="The chunk's id in its job spec.")
    error: ErrorRecord = Field(description="The error of its last attempt.")


class JobOutcome(StoredModel):
    """The outcome of one execution of a job."""

    job_id: str = Field(description="The job.")
    status: Literal["completed", "failed", "cancelled"] = Field(description="The outcome.")
    execution: str = Field(description="ARN or name of the execution that ran the job.")
    started_at: datetime = Field(description="When the execution began.")
    ended_at: datetime = Field(description="When it ended.")
    output: Artifact | None = Field(default=None, description="The video.")
    error: ErrorRecord | None = Field(default=None, description="The error, if there is no video.")
    failed_chunks: list[FailedChunk] = Field(
        default_factory=list,
        description="Chunks that failed in all attempts, or the first of many.",
    )

    told_at: datetime | None = Field(
        default=None, description="Time at which the render's webhook accepted the outcome."
    )

    def body(self) -> dict[str, Any]:
        """Return the outcome as a JSON value."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


async def read_outcome(storage: ArtifactStorage) -> JobOutcome | None:
    """Return the outcome in a job's folder; None if there is none."""
    try:
        return JobOutcome.parse(await storage.get_bytes(OUTCOME, limit=MAX_OUTCOME_BYTES))
    except ArtifactNotFound:
        return None


async def write_outcome(storage: ArtifactStorage, outcome: JobOutcome) -> JobOutcome:
    """Record an outcome, unless a later execution's is recorded; return the recorded one.

    If several processes record the first outcome of a job at once, one succeeds.
    """
    data = outcome.to_bytes()
    if await storage.create(OUTCOME, data):
        return outcome
    there = await read_outcome(storage)
    if there is not None and (
        there.execution == outcome.execution or there.started_at > outcome.started_at
    ):
        return there
    await storage.put_bytes(OUTCOME, data)
    return outcome
