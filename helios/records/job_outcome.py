"""The outcome of a detached job: `status.json` in its folder."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.errors import ArtifactNotFound
from helios.storage import ArtifactStorage

#: Key of the outcome in a job's folder.
OUTCOME = "status.json"
#: Bytes beyond which a file isn't read as an outcome.
MAX_OUTCOME_BYTES = 1024 * 1024


class FailedChunk(WireModel, extra="ignore"):
    """A chunk that failed for good, and why."""

    chunk_id: int = Field(description="The chunk's id in its job spec.")
    error: ErrorRecord = Field(description="Why its last attempt failed.")


class JobOutcome(WireModel):
    """How one execution of a job ended."""

    job_id: str = Field(description="The job.")
    status: Literal["completed", "failed", "cancelled"] = Field(description="How it ended.")
    execution: str = Field(description="What ran the job: an execution's ARN or name.")
    started_at: datetime = Field(description="When the execution began.")
    ended_at: datetime = Field(description="When it ended.")
    output: Artifact | None = Field(default=None, description="The video.")
    error: ErrorRecord | None = Field(default=None, description="Why there is none.")
    failed_chunks: list[FailedChunk] = Field(
        default_factory=list, description="Chunks that failed for good; the first ones, if many."
    )

    told_at: datetime | None = Field(
        default=None, description="When the webhook took it that the render was started with."
    )

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read an outcome; None for anything else, which counts as no outcome."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            return None

    def body(self) -> dict[str, Any]:
        """Return the outcome as JSON value."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_bytes(self) -> bytes:
        """Return the outcome as JSON."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"


async def read_outcome(storage: ArtifactStorage) -> JobOutcome | None:
    """Return the outcome that is in a job's folder; None if there is none."""
    try:
        return JobOutcome.parse(await storage.get_bytes(OUTCOME, limit=MAX_OUTCOME_BYTES))
    except ArtifactNotFound:
        return None


async def write_outcome(storage: ArtifactStorage, outcome: JobOutcome) -> JobOutcome:
    """Record an outcome, unless it is recorded already or a later execution's is.

    Of several that record the first outcome of a job at once, one does: the others learn of it.

    Returns
    -------
    JobOutcome
        What is recorded now.
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
