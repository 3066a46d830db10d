"""What can be done with a job by its id, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.api.job_status import JobStatus
from orchestrator.model.events import ChunkFinished, Event, FrameProgress, LogLine, MergeStarted

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from helios.contract.worker_job import ErrorRecord
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.clouds.log_query import LogRecord
    from orchestrator.cost import Cost
    from orchestrator.delivery.destination import Destination

#: Seconds between two looks at a job that runs.
INTERVAL = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A job at one moment.

    Attributes
    ----------
    done:
        Ids of the chunks that are there.
    finished:
        Chunks that have come since the snapshot before, in the order in which they were done.
    lines:
        What their pages logged or threw.
    """

    status: JobStatus
    spec: "JobSpec"
    done: frozenset[int]
    finished: Sequence[ChunkFinished] = ()
    lines: Sequence[LogLine] = ()

    def events_since(self, before: "Snapshot") -> list[Event]:
        """Return what has happened since an earlier snapshot."""
        frames = {chunk.id: chunk.frame_count for chunk in self.spec.chunks}
        count = self.status.frames_done - sum(frames[each.chunk_id] for each in self.finished)
        events: list[Event] = list(self.lines)
        for each in self.finished:
            count += frames[each.chunk_id]
            progress = FrameProgress(
                chunk_id=each.chunk_id,
                frame=frames[each.chunk_id],
                frame_count=frames[each.chunk_id],
                frames_done=count,
                frames_total=self.status.frames_total,
            )
            events += [progress, each]
        if len(before.done) < self.status.chunks_total == len(self.done):
            events.append(MergeStarted(self.status.chunks_total))
        return events


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLog:
    """What is kept of one attempt at a chunk.

    Attributes
    ----------
    number:
        Counted from 1 for each chunk.
    seconds:
        How long it took; None while it runs.
    worker:
        What ran it.
    error:
        Why it failed.
    text:
        The end of what its command wrote to stderr, where that is kept.
    """

    chunk_id: int
    number: int
    started_at: datetime
    seconds: float | None = None
    worker: str = ""
    backup: bool = False
    error: "ErrorRecord | None" = None
    text: str = ""


class JobAccess(ABC):
    """One job, found by its id. Nothing is kept open between calls.

    Every method raises `JobNotFound` for a job that is gone, and `HeliosError` where its store or
    deployment doesn't answer.
    """

    def __init__(self, job_id: str) -> None:
        self.id = job_id

    @abstractmethod
    async def status(self) -> JobStatus:
        """Return where the job stands."""

    @abstractmethod
    async def spec(self) -> "JobSpec":
        """Return the job's spec."""

    @abstractmethod
    def snapshots(self, *, interval: float = INTERVAL) -> AsyncIterator[Snapshot]:
        """Yield the job as it is, now and again until it doesn't go on by itself.

        Parameters
        ----------
        interval:
            Seconds between two looks.
        """

    @abstractmethod
    async def cancel(self, *, reason: str) -> JobStatus:
        """End what runs, and keep finished chunks.

        Parameters
        ----------
        reason:
            Why, for those who ask later; kept for detached jobs.

        Raises
        ------
        JobStateConflict
            The job has ended already.
        """

    @abstractmethod
    async def pause(self) -> JobStatus:
        """Let what runs finish, and begin nothing new.

        Raises
        ------
        JobStateConflict
            It doesn't run, or can't be paused where it runs.
        """

    @abstractmethod
    async def resume(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        """Run what is missing of the job to its end, in this process.

        A deployment runs what is missing of its own jobs: this returns once that has begun.

        Parameters
        ----------
        fresh:
            Render all of its chunks anew.
        changes:
            Settings that differ from its earlier runs.

        Raises
        ------
        JobStateConflict
            It is completed, or a deployment runs it now.
        HeliosError
            It failed.
        """

    @abstractmethod
    async def resume_in_background(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        """Do the same in a process of its own, and return once that is at it."""

    @abstractmethod
    async def cost(self) -> "Cost | None":
        """Return what the job cost by now by list prices; None if it ran on this machine."""

    @abstractmethod
    async def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        """Return what is kept of attempts, by chunk and in their order.

        Parameters
        ----------
        chunk_id:
            Only those of this chunk.
        """

    async def worker_log(self, chunk_id: int | None = None) -> Sequence["LogRecord"]:
        """Return what workers of a deployment logged, in the order of time; nothing for others.

        Parameters
        ----------
        chunk_id:
            Only of this chunk.
        """
        del chunk_id
        return ()

    @abstractmethod
    async def fetch(self, destination: "Destination") -> JobStatus:
        """Copy the job's video to a file here, or to other storage.

        Raises
        ------
        JobStateConflict
            There is no video.
        """

    @abstractmethod
    async def delete(self, *, chunks: bool) -> None:
        """Remove the job's record; the video stays.

        Parameters
        ----------
        chunks:
            Remove its chunks, too.

        Raises
        ------
        JobBusy
            It runs.
        """

    @abstractmethod
    async def verify(self, video: str | None) -> "SeamReport":
        """Check a video at the seams of the job's chunks.

        Parameters
        ----------
        video:
            Path or URL; the job's own by default.

        Raises
        ------
        SeamBroken
            It isn't what the job makes.
        """
