"""The interface of job repositories."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum

from helios.errors import JobNotFound, JobRecordInvalid
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk
from orchestrator.model.job_state import JobState


class ControlRequest(StrEnum):
    """A request to the process that has claimed a job."""

    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Listing:
    """Jobs, the newest first, and the records that couldn't be read."""

    jobs: Sequence[JobSummary]
    faults: Sequence[JobRecordInvalid] = ()


class JobClaim(ABC):
    """Exclusive right to write a job's record.

    Attributes:
        job_id: The job.
        request_interval: Seconds between two reads of requests.
        record_interval: Seconds for which chunks are collected before they are recorded.
        damaged_lines: Number of entries of the chunk log that `load` couldn't read; those chunks
            count as not begun.
    """

    request_interval: float = 1.0
    record_interval: float = 0.5

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.damaged_lines = 0

    @abstractmethod
    async def load(self) -> Job:
        """Return the job.

        Raises `JobNotFound` or `JobRecordInvalid`.
        """

    @abstractmethod
    async def save(self, summary: JobSummary) -> JobSummary:
        """Write the job's summary, durably and whole, and return it with its new revision.

        Raises:
            JobChanged: Its revision isn't the latest, or the claim was lost.
        """

    @abstractmethod
    async def record(self, chunks: Sequence[JobChunk]) -> None:
        """Record the state of some chunks; takes the same time in a job of any size."""

    @abstractmethod
    async def request(self) -> ControlRequest | None:
        """Return the request that was left since the claim began.

        Raises:
            JobChanged: The claim was lost.
        """

    @abstractmethod
    async def delete(self) -> None:
        """Remove the job's record; the claim ends with it."""


class JobRepository(ABC):
    """Stores jobs. A process claims a job before it writes it.

    Every method raises `OptionInvalid` for an id that can't name a job, and `JobNotFound` for one
    that isn't kept.
    """

    @abstractmethod
    async def create(self, job: Job) -> None:
        """Store a new job.

        Raises:
            JobExists: There is one with its id.
        """

    @abstractmethod
    async def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            JobRecordInvalid: The record is damaged, and was set aside, or a newer version wrote it.
        """

    @abstractmethod
    async def summary(self, job_id: str) -> JobSummary:
        """Return a job without its spec and its chunks; quick, whatever its size.

        Raises:
            JobRecordInvalid: As `get`.
        """

    @abstractmethod
    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        """Return jobs, the newest first; damaged records are set aside and listed as faults.

        Args:
            states: Only jobs in one of these.
            limit: Maximum number of jobs.
        """

    @abstractmethod
    def claim(self, job_id: str) -> AbstractAsyncContextManager[JobClaim]:
        """Claim a job for the time of a context; a claim ends with its process at the latest.

        A request from before the claim is removed.

        Raises:
            JobBusy: Another process has claimed it; the message names it, if that is known.
        """

    @abstractmethod
    async def holder(self, job_id: str) -> str | None:
        """Return the name of the process that has claimed a job; None if none has."""

    async def is_interrupted(self, job: JobSummary) -> bool:
        """Tell whether a job is recorded as running, but the process that ran it has ended."""
        return job.state is JobState.RUNNING and await self.holder(job.id) is None

    @abstractmethod
    async def ask(self, job_id: str, request: ControlRequest) -> None:
        """Leave a request for the process that has claimed a job."""


def not_found(job_id: str, *, where: str) -> JobNotFound:
    """Return the error for a job that isn't stored."""
    return JobNotFound(
        f"job {job_id!r}: not kept in {where}",
        hint="`orchestrator list` shows those that are.",
    )
