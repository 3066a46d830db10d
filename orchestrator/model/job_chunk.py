"""The records of a job's chunks: their states and attempts."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.records.chunk_trace import ChunkTrace

#: Characters from the end of a failed attempt's stderr that are kept.
LOG_TAIL = 2048
#: Why an attempt failed whose process ended in its middle.
INTERRUPTED = ErrorRecord(
    code="INTERRUPTED", message="the orchestrator ended while it ran", retryable=True
)


class ChunkState(StrEnum):
    """The state of a chunk."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Attempt(WireModel):
    """One try at a chunk."""

    number: int = Field(ge=1, description="Counted from 1 over all runs of the job.")
    started_at: AwareDatetime
    duration_ms: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="How long it took; null while it runs."
    )
    worker: str | None = Field(default=None, description="What ran it.")
    backup: bool = Field(default=False, description="Started beside another that was slow.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed.")
    log_tail: str | None = Field(default=None, description="The end of its output, if it failed.")

    @property
    def runs(self) -> bool:
        """Whether it hasn't ended yet, as far as is known."""
        return self.duration_ms is None

    def interrupted(self) -> Self:
        """Return the attempt as it is known to be once the process that made it is gone."""
        if not self.runs:
            return self
        return self.model_copy(update={"duration_ms": 0.0, "error": INTERRUPTED})


class JobChunk(WireModel):
    """The record of one chunk."""

    id: Annotated[int, Field(ge=0)]
    state: ChunkState = ChunkState.WAITING
    attempts: list[Attempt] = Field(default_factory=list)
    artifact: Artifact | None = Field(default=None, description="The file that holds it.")
    healed: bool = Field(
        default=False, description="Rendered again for its seams, with every frame visited."
    )
    trace: ChunkTrace | None = Field(
        default=None, description="The times of its frames, where no worker stored them."
    )

    def interrupted(self) -> Self:
        """Return the chunk as it is known to be once the process that rendered it is gone."""
        state = ChunkState.WAITING if self.state is ChunkState.RUNNING else self.state
        attempts = [attempt.interrupted() for attempt in self.attempts]
        return self.model_copy(update={"state": state, "attempts": attempts})


def log_tail(stderr: str) -> str | None:
    """Return the end of an output as it is kept for a failed attempt; None if it said nothing."""
    return stderr[-LOG_TAIL:].strip() or None
