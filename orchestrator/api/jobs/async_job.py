"""A handle on one job, for programs that have an event loop."""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from helios.errors import HeliosError
from helios.records.chunk_trace import ChunkTrace
from orchestrator.api.displays import OnEvent, ProgressEvent
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.api.jobs.resume_settings import ResumeKeywords, resume_changes
from orchestrator.api.jobs.snapshot import INTERVAL, AttemptLog, Snapshot, progress_events
from orchestrator.api.jobs.video_link import link_to_video
from orchestrator.api.video import Video
from orchestrator.delivery.destination import Destination

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.clouds.log_query import LogRecord
    from orchestrator.cost import Cost
    from orchestrator.report.report import Report

#: How much a report has.
ReportDetail = Literal["record", "traces", "all"]
#: Recorded as the reason of a cancellation that gives none.
REASON = "stopped by its owner"
#: Seconds for which a link to a video is valid.
LINK_EXPIRES = 3600.0


class AsyncJobHandle(ABC):
    """A job, wherever it runs: `JobHandle` with coroutines.

    A handle keeps no connection open between calls. Every method raises `JobNotFound` for a job
    that no longer exists, and `HeliosError` if the job's store or deployment doesn't answer. What
    follows a job looks at it every `interval` seconds.

    Attributes:
        id: The job's id, by which any process finds it again.
    """

    def __init__(self, job_id: str) -> None:
        self.id = job_id
        #: Traces of chunks that were read from storage, by the URLs of their outputs.
        self._traces: dict[str, ChunkTrace] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @abstractmethod
    async def status(self) -> JobStatus:
        """Return the job's status."""

    @abstractmethod
    def snapshots(self, *, interval: float = INTERVAL) -> AsyncIterator[Snapshot]:
        """Yield snapshots of the job until it has ended or no process runs it."""

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the blocking form
        *,
        on_event: OnEvent | None = None,
        interval: float = INTERVAL,
    ) -> Video:
        """Wait until the job has ended, and return its video.

        Args:
            timeout: Seconds; no limit by default. The job continues after a timeout.
            on_event: Called with each event until then.

        Raises:
            TimeoutError: The job hasn't ended within `timeout`.
            JobFailed, Cancelled, JobPaused: The job ended or stopped without a video.
        """
        last: Snapshot | None = None
        async with asyncio.timeout(timeout):
            async for snapshot in self.snapshots(interval=interval):
                if on_event is not None:
                    for event in progress_events(last, snapshot):
                        on_event(event)
                last = snapshot
        assert last is not None  # noqa: S101 - there is one at least
        if last.status.output is None:
            raise last.status.failure()
        return Video.of(
            last.spec, job_id=self.id, location=last.status.output, cost=await self._known_cost()
        )

    async def events(self, *, interval: float = INTERVAL) -> AsyncIterator[ProgressEvent]:
        """Yield the job's events from now on until it has ended.

        The first and the last one are notices with the job's status as facts.
        """
        last: Snapshot | None = None
        async for snapshot in self.snapshots(interval=interval):
            for event in progress_events(last, snapshot):
                yield event
            last = snapshot

    async def download(self, path: str | os.PathLike[str]) -> Path | str:
        """Copy the video to a file, or to an s3:// or gs:// URL; return the path or URL.

        Raises:
            JobStateConflict: The job has no video.
            StorageError: The video can't be read, or the copy can't be written.
        """
        destination = Destination.of(os.fspath(path))
        await self.fetch(destination)
        return destination.url or Path(str(destination))

    @abstractmethod
    async def fetch(self, destination: Destination) -> JobStatus:
        """Copy the video to a destination, and return the job's status; as `download`."""

    async def link(self, *, expires: float | str = LINK_EXPIRES) -> str:
        """Return a URL by which anyone may fetch the video from storage for some time.

        Args:
            expires: Seconds, or '30m', '1h30m': at most seven days, and no longer than the
                credentials that sign it.

        Raises:
            JobStateConflict: The job has no video in storage.
            StorageError: The credentials can't sign, or the video is gone.
        """
        return await link_to_video(await self.status(), expires=expires)

    @abstractmethod
    async def cancel(self, *, reason: str = REASON) -> JobStatus:
        """Stop the job at once; finished chunks are kept. A detached job keeps the reason, too.

        Raises:
            JobStateConflict: The job has ended already.
        """

    @abstractmethod
    async def pause(self) -> JobStatus:
        """Let running chunks finish, and start no others.

        Raises:
            JobStateConflict: The job doesn't run, or a deployment runs it, which can't pause.
        """

    @overload
    async def resume(
        self,
        *,
        wait: Literal[True] = True,
        fresh: bool = False,
        **changes: Unpack[ResumeKeywords],
    ) -> Video: ...

    @overload
    async def resume(
        self, *, wait: Literal[False], fresh: bool = False, **changes: Unpack[ResumeKeywords]
    ) -> None: ...

    async def resume(
        self, *, wait: bool = True, fresh: bool = False, **changes: Unpack[ResumeKeywords]
    ) -> Video | None:
        """Run the missing chunks of a job that was paused, failed, cancelled or interrupted.

        Args:
            wait: Run the job in this process, and return its video. Otherwise it runs in a process
                of its own, and the call returns once that has begun. A deployment runs its own jobs
                in either case.
            fresh: Render all of its chunks again.
            changes: Settings that differ from its earlier runs.

        Raises:
            JobStateConflict: The job is completed, or its deployment runs it now.
            JobBusy: Another process runs it.
            HeliosError: The job failed.
        """
        changed = resume_changes(changes)
        if not wait:
            await self.run_in_background(fresh=fresh, changes=changed)
            return None
        await self.run_again(fresh=fresh, changes=changed)
        return await self.wait()

    @abstractmethod
    async def run_again(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        """Run the missing chunks in this process, with checked settings; as `resume`.

        A deployment runs its own jobs: the call returns once it has begun.
        """

    @abstractmethod
    async def run_in_background(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        """Do the same in a process of its own, and return once that has begun."""

    @abstractmethod
    async def cost(self) -> "Cost | None":
        """Return the job's cost until now by list prices; None if it ran on this machine."""

    @abstractmethod
    async def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        """Return the records of attempts at one chunk or all, by chunk and in order."""

    async def worker_log(self, chunk_id: int | None = None) -> Sequence["LogRecord"]:
        """Return log lines of a deployment's workers by time; there are none of other jobs."""
        del chunk_id
        return ()

    @abstractmethod
    async def report(self, *, detail: ReportDetail = "all") -> "Report":
        """Return what is known of the job: attempts, times, errors, cost, pictures.

        `Report.html` makes one HTML file of it, `Report.document` a JSON value; both have no
        secrets.

        Args:
            detail: `record` has what is recorded; `traces` also has the times and pictures that
                workers left in storage, and `all` what is seen and heard of the video, and the
                cost.
        """

    @abstractmethod
    async def verify(self, video: str | os.PathLike[str] | None = None) -> "SeamReport":
        """Check a video at the seams of the job's chunks.

        Args:
            video: Path or URL; the job's own video by default.

        Raises:
            SeamBroken: The video differs from the chunks.
        """

    @abstractmethod
    async def delete(self, *, chunks: bool = False) -> None:
        """Remove the job's record; its video stays.

        Args:
            chunks: Remove its chunks, too.

        Raises:
            JobBusy: The job runs.
        """

    async def _known_cost(self) -> "Cost | None":
        try:
            return await self.cost()
        except HeliosError:
            return None
