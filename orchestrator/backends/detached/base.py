"""What every backend promises in which renders go on without a client."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.errors import JobNotFound
from helios.records.job_outcome import JobOutcome
from orchestrator.clouds.log_query import LogQuery, LogRecord
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A render, as the engine of its backend sees it.

    Attributes:
        job_id: The render's id, which is its job's.
        name: Name of the execution in the engine; `execution` in the job's outcome.
        state: `RUNNING`, or how it ended.
        started_at, ended_at: When it was started, and when it ended; None while it runs.
        output, error: The video, or the error, by the engine's own records. The job's outcome in
            storage has details, but may be written a moment later.
    """

    job_id: str
    name: str
    state: JobState
    started_at: datetime
    ended_at: datetime | None = None
    output: Artifact | None = None
    error: ErrorRecord | None = None

    @classmethod
    def of_outcome(cls, outcome: JobOutcome) -> Self:
        """Return the execution that had a recorded outcome."""
        return cls(
            job_id=outcome.job_id,
            name=outcome.execution,
            state=JobState(outcome.status),
            started_at=outcome.started_at,
            ended_at=outcome.ended_at,
            output=outcome.output,
            error=outcome.error,
        )


class DetachedBackend(ABC):
    """An engine that runs renders whose job spec is in its storage, without a connected client.

    Chunks, their records, the video and the outcome (`helios.records.job_outcome`) are stored in
    the job's folder, `jobs/<id>` below `artifacts`, where progress is counted. The engine is
    queried for the state of executions only. Safe to use from many tasks at once.

    Every method raises `AccessDenied` if credentials don't suffice, and `WorkerUnavailable` or
    `WorkerThrottled` if the engine doesn't respond, after retries of transient failures.

    Args:
        name: Name of the backend in messages.
        artifacts: URL of the storage that its workers use, such as `s3://bucket`.
        concurrency: Chunks at the same time, where a render doesn't say.
    """

    def __init__(self, *, name: str, artifacts: str, concurrency: int) -> None:
        self.name = name
        self.artifacts = artifacts.rstrip("/")
        self.concurrency = concurrency

    @abstractmethod
    async def start(
        self,
        spec: JobSpec,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start a render, or return the one that was started under this id before.

        However often and by however many clients it is called, one execution is started. (Whether
        the stored job is the same is seen to by the caller.)

        Args:
            spec: The job as it is in storage, with its `id`.
            concurrency: Chunks at the same time.
            webhook: The receiver of the outcome.
            stop_at: Time after which no chunk starts.

        Raises:
            OptionInvalid: The backend has nothing to sign webhooks with.
        """

    @abstractmethod
    async def resume(
        self,
        spec: JobSpec,
        chunks: Sequence[int],
        *,
        concurrency: int | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        """Start another run of a render that has ended, for the chunks that are missing.

        Clients that do so at the same time start one run. The webhook of the latest run receives
        the outcome of this one, too.

        Args:
            spec: The job as it is in storage.
            chunks: Ids of the chunks to render; none for the merge alone.
            concurrency: Chunks at the same time; what the latest run had by default.
            stop_at: As for `start`.

        Raises:
            JobNotFound: As `find`.
        """

    @abstractmethod
    async def find(self, job_id: str) -> Execution:
        """Return the execution of a render: that of its latest run.

        Raises:
            JobNotFound: None was started under this id, or it is too long ago for the engine to
                know.
        """

    @abstractmethod
    async def cancel(self, job_id: str, *, reason: str) -> None:
        """Stop a render and what it started; one that has ended is left as it is.

        Returns when the engine has taken it, which may be before all workers have ended. The
        outcome in storage says `cancelled` once it is over, whatever process writes it there.

        Raises:
            JobNotFound: As `find`.
        """

    @abstractmethod
    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the renders that were started last, the latest one first."""

    async def quota(self) -> int | None:
        """Return how many chunks the account's quota allows at once; None if it is unknown."""
        return None

    @abstractmethod
    async def log(self, query: LogQuery) -> Sequence[LogRecord]:
        """Return what workers logged, in the order of time."""

    async def close(self) -> None:  # noqa: B027 - some hold none
        """Let go of connections."""

    def unknown(self, job_id: str) -> JobNotFound:
        """Return the error for a render that it doesn't have."""
        return JobNotFound(
            f"render {job_id!r}: there is none in the {self.name}",
            hint="`orchestrator list` shows those that were started last.",
        )
