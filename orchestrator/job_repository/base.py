"""What every job repository promises."""

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
    """What somebody asks of the process that is at a job."""

    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Listing:
    """Jobs, the newest first, and the records that couldn't be read."""

    jobs: Sequence[JobSummary]
    faults: Sequence[JobRecordInvalid] = ()


class JobClaim(ABC):
    """The right to write a job's record, which one process has at a time.

    Attributes
    ----------
    job_id:
        The job.
    wish_interval:
        Seconds after which it is worth asking for a wish again.
    record_interval:
        Seconds for which it is worth collecting chunks before they are recorded.
    damaged_lines:
        How many entries of the chunk log couldn't be read by `load`; those chunks count as not
        begun.
    """

    wish_interval: float = 1.0
    record_interval: float = 0.5

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.damaged_lines = 0

    @abstractmethod
    async def load(self) -> Job:
        """Return all that is kept of the job.

        Raises
        ------
        JobNotFound, JobRecordInvalid
        """

    @abstractmethod
    async def save(self, summary: JobSummary) -> JobSummary:
        """Write the job's summary, durably and whole, and return it with its new revision.

        Raises
        ------
        JobChanged
            It builds on a revision that isn't the latest, or the claim was lost.
        """

    @abstractmethod
    async def record(self, chunks: Sequence[JobChunk]) -> None:
        """Add what became of some chunks; costs as much as these chunks, however large the job."""

    @abstractmethod
    async def wish(self) -> ControlRequest | None:
        """Return what somebody asked for since the claim began.

        Raises
        ------
        JobChanged
            The claim was lost.
        """

    @abstractmethod
    async def delete(self) -> None:
        """Remove the job's record; the claim ends with it."""


class JobRepository(ABC):
    """Keeps jobs. Whoever wants to write one claims it first.

    Every method raises `OptionInvalid` for an id that can't name a job, and `JobNotFound` for one
    that isn't kept.
    """

    @abstractmethod
    async def create(self, job: Job) -> None:
        """Keep a new job.

        Raises
        ------
        JobExists
            There is one with its id.
        """

    @abstractmethod
    async def get(self, job_id: str) -> Job:
        """Return all that is kept of a job.

        Raises
        ------
        JobRecordInvalid
            The record is damaged, and was set aside, or a newer version wrote it.
        """

    @abstractmethod
    async def summary(self, job_id: str) -> JobSummary:
        """Return a job without its spec and its chunks; quick, whatever its size.

        Raises
        ------
        JobRecordInvalid
            As `get`.
        """

    @abstractmethod
    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        """Return jobs, the newest first; damaged records are set aside and told.

        Parameters
        ----------
        states:
            Only jobs in one of these.
        limit:
            At most so many.
        """

    @abstractmethod
    def claim(self, job_id: str) -> AbstractAsyncContextManager[JobClaim]:
        """Claim a job for the time of a context; a claim ends with its process at the latest.

        A wish that was left from before is forgotten.

        Raises
        ------
        JobBusy
            Another one has it; the message says who, where that is known.
        """

    @abstractmethod
    async def holder(self, job_id: str) -> str | None:
        """Return who has claimed a job, as far as is known; None if nobody has."""

    @abstractmethod
    async def ask(self, job_id: str, wish: ControlRequest) -> None:
        """Leave a wish for the process that is at a job."""


def not_found(job_id: str, *, where: str) -> JobNotFound:
    """Return the error that tells that a job isn't kept."""
    return JobNotFound(
        f"job {job_id!r}: not kept in {where}",
        hint="`orchestrator list` shows those that are.",
    )
