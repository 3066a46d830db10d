"""A handle on one job, for programs without an event loop."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, overload

from orchestrator.api.async_job import REASON, AsyncJobHandle
from orchestrator.api.blocking import iterate, run
from orchestrator.api.displays import OnEvent, ProgressEvent
from orchestrator.api.jobs.job_access import INTERVAL, AttemptLog
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.api.rendering.keywords import ResumeKeywords
from orchestrator.api.video import Video

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.cost import Cost


class JobHandle:
    """A job, wherever it runs.

    Each method does what that of `AsyncJobHandle` does, and returns when that has ended. It holds
    nothing open, may be kept or thrown away at any time, and used in any thread.

    Parameters
    ----------
    job:
        The job.
    """

    def __init__(self, job: AsyncJobHandle) -> None:
        self._job = job

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The job's id, by which any process finds it again."""
        return self._job.id

    def status(self) -> JobStatus:
        """Return where the job stands."""
        return run(self._job.status())

    def wait(
        self,
        timeout: float | None = None,
        *,
        on_event: OnEvent | None = None,
        interval: float = INTERVAL,
    ) -> Video:
        """Wait until the job has ended, and return its video.

        Parameters
        ----------
        timeout:
            Seconds; no limit by default. The job goes on if they don't suffice.
        on_event:
            Is called with what happens meanwhile.
        interval:
            Seconds between two looks.

        Raises
        ------
        TimeoutError
            The job hasn't ended by then.
        JobFailed, Cancelled, JobPaused
            There is no video, and the job doesn't go on by itself.
        """
        return run(self._job.wait(timeout, on_event=on_event, interval=interval))

    def events(self, *, interval: float = INTERVAL) -> Iterator[ProgressEvent]:
        """Yield what happens to the job from now on until it has ended.

        The first and the last one are notices with the job's status as facts.

        Parameters
        ----------
        interval:
            Seconds between two looks.
        """
        return iterate(self._job.events(interval=interval))

    def download(self, path: str | os.PathLike[str]) -> Path | str:
        """Copy the video to a file of this machine, or to an s3:// or gs:// URL; return where.

        Raises
        ------
        JobStateConflict
            There is no video.
        StorageError
            It can't be read, or written there.
        """
        return run(self._job.download(path))

    def cancel(self, *, reason: str = REASON) -> JobStatus:
        """End what runs; finished chunks are kept.

        Raises
        ------
        JobStateConflict
            The job has ended already.
        """
        return run(self._job.cancel(reason=reason))

    def pause(self) -> JobStatus:
        """Let what runs finish, and begin nothing new.

        Raises
        ------
        JobStateConflict
            The job doesn't run, or a deployment runs it, which can't pause.
        """
        return run(self._job.pause())

    @overload
    def resume(
        self,
        *,
        wait: Literal[True] = True,
        fresh: bool = False,
        **changes: Unpack[ResumeKeywords],
    ) -> Video: ...

    @overload
    def resume(
        self, *, wait: Literal[False], fresh: bool = False, **changes: Unpack[ResumeKeywords]
    ) -> None: ...

    def resume(
        self, *, wait: bool = True, fresh: bool = False, **changes: Unpack[ResumeKeywords]
    ) -> Video | None:
        """Run what is missing of a job that was paused, failed, cancelled or interrupted.

        Parameters
        ----------
        wait:
            Run it in this process, and return its video. Otherwise it runs in a process of its
            own, and this returns once that has begun.
        fresh:
            Render all of its chunks anew.
        changes:
            Settings that differ from its earlier runs.

        Raises
        ------
        JobStateConflict
            It is completed, or a deployment runs it.
        JobBusy
            Another process runs it.
        HeliosError
            It failed.
        """
        if wait:
            return run(self._job.resume(fresh=fresh, **changes))
        return run(self._job.resume(wait=False, fresh=fresh, **changes))

    def cost(self) -> "Cost | None":
        """Return what the job cost by now, by list prices; None if all of it ran here."""
        return run(self._job.cost())

    def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        """Return what is kept of the attempts at its chunks, or at one of them."""
        return run(self._job.logs(chunk_id))

    def verify(self, video: str | os.PathLike[str] | None = None) -> "SeamReport":
        """Check its video, or another one that is meant to be it, at the seams of its chunks.

        Raises
        ------
        SeamBroken
        """
        return run(self._job.verify(video))

    def delete(self, *, chunks: bool = False) -> None:
        """Remove the job's record, and its chunks if asked to; its video stays.

        Raises
        ------
        JobBusy
            It runs.
        """
        run(self._job.delete(chunks=chunks))
