"""The status of a job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from helios.contract.error_record import ErrorRecord
from helios.errors import HeliosError, JobFailed, JobPaused
from helios.records.job_outcome import FailedChunk
from orchestrator.backends.detached.status import RenderStatus
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import ChunkState

#: `interrupted` is a job that is recorded as running, but whose process is gone.
State = Literal["pending", "running", "paused", "completed", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """The status of a job.

    Attributes
    ----------
    name:
        Name for people: its composition.
    where:
        Its workers: `local`, `lambda`, `cloudrun`, or the deployment of a detached job.
    created_at, started_at, ended_at:
        When it was recorded, when its latest run began, and when it ended.
    chunks_done, chunks_total, frames_done, frames_total:
        Finished and all chunks, finished and all frames.
    output:
        The video's path or URL, once there is one.
    error:
        Reason why it failed or stopped.
    failed_chunks:
        Chunks that failed after all retries, if they were looked up.
    """

    id: str
    state: State
    name: str = ""
    where: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    chunks_done: int
    chunks_total: int
    frames_done: int
    frames_total: int
    output: str | None = None
    error: ErrorRecord | None = None
    failed_chunks: Sequence[FailedChunk] = ()

    @property
    def is_active(self) -> bool:
        """Whether it is waiting to run, or running."""
        return self.state in ("pending", "running")

    @property
    def progress(self) -> str:
        """The state and the counts of finished chunks and frames, as a sentence."""
        return (
            f"{self.id}: {self.state}, {self.chunks_done} of {self.chunks_total} chunks"
            f" and {self.frames_done} of {self.frames_total} frames are done"
        )

    def failure(self) -> HeliosError:
        """Return the error for a job without a video."""
        why = "" if self.error is None else f": [{self.error.code}] {self.error.message}"
        text = f"job {self.id!r}: {self.state}{why}"
        found = self.error
        if self.state in ("failed", "cancelled"):
            lines = [
                f"chunk {c.chunk_id}: [{c.error.code}] {c.error.message}"
                for c in self.failed_chunks
            ]
            told = list((found.details if found else None) or ()) or lines
            return JobFailed(
                text,
                hint=(found.hint if found else None) or "",
                details=told if len(told) > 1 else (),
                retryable=found.retryable if found else False,
            )
        return JobPaused(text, hint=f"Resume it: `orchestrator resume {self.id}`, or resume().")

    def document(self) -> dict[str, Any]:
        """Return the status as JSON value."""
        return {
            "id": self.id,
            "state": self.state,
            "name": self.name,
            "where": self.where,
            "createdAt": self.created_at.isoformat(),
            "startedAt": None if self.started_at is None else self.started_at.isoformat(),
            "endedAt": None if self.ended_at is None else self.ended_at.isoformat(),
            "chunksDone": self.chunks_done,
            "chunksTotal": self.chunks_total,
            "framesDone": self.frames_done,
            "framesTotal": self.frames_total,
            "output": self.output,
            "error": None if self.error is None else _plain(self.error),
            "failedChunks": [_plain(chunk) for chunk in self.failed_chunks],
        }

    @classmethod
    def of_record(cls, job: JobSummary, *, interrupted: bool) -> "JobStatus":
        """Return the status of a job by its record."""
        state: State = "interrupted" if interrupted else job.state.value
        return cls(
            id=job.id,
            state=state,
            name=job.name,
            where=", ".join(adapter.kind for adapter in job.location.adapters),
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            chunks_done=job.chunks_done,
            chunks_total=job.chunks_total,
            frames_done=job.frames_done,
            frames_total=job.frames_total,
            output=output_of(job),
            error=job.error,
            failed_chunks=_failed(job) if isinstance(job, Job) else (),
        )

    @classmethod
    def of_render(cls, render: RenderStatus, *, where: str) -> "JobStatus":
        """Return the status of a detached render."""
        return cls(
            id=render.id,
            state=render.state.value,
            where=where,
            created_at=render.execution.started_at,
            started_at=render.execution.started_at,
            ended_at=render.ended_at,
            chunks_done=len(render.done),
            chunks_total=render.chunks_total,
            frames_done=render.frames_done,
            frames_total=render.frames_total,
            output=None if render.output is None else render.output.url,
            error=render.error,
            failed_chunks=tuple(render.failed_chunks),
        )


def _failed(job: Job) -> list[FailedChunk]:
    return [
        FailedChunk(chunk_id=chunk.id, error=chunk.attempts[-1].error)
        for chunk in job.chunks.values()
        if chunk.state is ChunkState.FAILED and chunk.attempts and chunk.attempts[-1].error
    ]


def output_of(job: JobSummary) -> str | None:
    """Return the location of a job's result, independent of the current folder.

    The record has it relative to the folder in which the job ran.
    """
    made = job.output
    if made is None or "://" in made or Path(made).is_absolute():
        return made
    location = job.location
    if location.output is not None and Path(location.output).name == Path(made).name:
        return location.output
    folder = location.folder
    return str(folder if folder.name == Path(made).name else folder / Path(made).name)


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
