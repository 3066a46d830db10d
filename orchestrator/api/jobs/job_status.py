"""The status of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from helios.contract.error_record import ErrorRecord
from helios.errors import Cancelled, CostLimitReached, HeliosError, JobFailed, JobPaused
from helios.records.job_outcome import FailedChunk
from orchestrator.backends.detached.status import ChunkProblems, RenderStatus
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import ChunkState

#: `interrupted` is a job that is recorded as running, but whose process is gone.
State = Literal["pending", "running", "paused", "completed", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """The status of a job.

    Attributes:
        name: Name for people: its composition.
        where: Its workers: `local`, `lambda`, `cloudrun`, or the deployment of a detached job.
        created_at, started_at, ended_at: When it was recorded, when its latest run began, and when
            it ended.
        chunks_done, chunks_total, frames_done, frames_total: Finished and all chunks, finished and
            all frames.
        output: The video's path or URL, once there is one.
        error: Reason why it failed or stopped.
        failed_chunks: Chunks that failed after all retries, if they were looked up.
        log_links: URL of the log of each failed chunk, and under None that of the job, if a
            deployment ran it.
        page_problems, problem_chunks: Messages that pages logged or threw in the first chunks with
            any, and the number of all such chunks; only of detached jobs.
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
    log_links: Mapping[int | None, str] = field(default_factory=dict)
    page_problems: Sequence[ChunkProblems] = ()
    problem_chunks: int = 0

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
        found = self.error
        why = "" if found is None else f": [{found.code}] {found.message}"
        text = f"job {self.id!r}: {self.state}{why}"
        if self.state == "cancelled":
            return Cancelled(text, hint=(found.hint if found else None) or "")
        if self.state == "failed":
            stopped = found is not None and found.code == CostLimitReached.code
            return (CostLimitReached if stopped else JobFailed)(
                text,
                hint=(found.hint if found else None) or "",
                details=self.causes(),
                retryable=found.retryable if found else False,
            )
        return JobPaused(text, hint=f"Resume it: `orchestrator resume {self.id}`, or resume().")

    def causes(self) -> list[str]:
        """Return further facts about its failure beside its error, one a line."""
        lines = list((self.error.details if self.error else None) or ())
        for chunk in self.failed_chunks:
            error = chunk.error
            attempt = "" if error.attempt is None else f", attempt {error.attempt}"
            lines.append(f"chunk {chunk.chunk_id}{attempt}: [{error.code}] {error.message}")
            lines += [f"  {detail}" for detail in error.details or ()]
            lines += [f"  {error.hint}"] if error.hint else []
            if chunk.chunk_id in self.log_links:
                lines.append(f"  log: {self.log_links[chunk.chunk_id]}")
        if None in self.log_links:
            lines.append(f"log: {self.log_links[None]}")
        return lines

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
            "failedChunks": [
                _plain(chunk) | {"log": self.log_links.get(chunk.chunk_id)}
                for chunk in self.failed_chunks
            ],
            "log": self.log_links.get(None),
            "pageProblems": [
                {"chunkId": each.chunk_id, "messages": [_plain(one) for one in each.messages]}
                for each in self.page_problems
            ],
            "problemChunks": self.problem_chunks,
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
    def of_render(
        cls,
        render: RenderStatus,
        *,
        where: str,
        log_links: Mapping[int | None, str] | None = None,
    ) -> "JobStatus":
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
            log_links=log_links or {},
            page_problems=render.page_problems,
            problem_chunks=render.problem_chunks,
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
