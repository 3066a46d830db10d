"""A handle on one job, for programs that have an event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, overload

from helios.errors import HeliosError
from orchestrator.api.displays import Notice, OnEvent, ProgressEvent
from orchestrator.api.job_access import INTERVAL, AttemptLog, JobAccess, Snapshot
from orchestrator.api.job_status import JobStatus
from orchestrator.api.keywords import ResumeKeywords
from orchestrator.api.settings import ResumeSettings
from orchestrator.api.video import Video
from orchestrator.delivery.destination import Destination

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.cost import Cost

#: What is kept as the reason of a cancellation that gives none.
REASON = "stopped by its owner"


class AsyncJobHandle:
    """A job, wherever it runs: `JobHandle` with coroutines.

    It holds nothing open, and may be kept or thrown away at any time.

    Parameters
    ----------
    access:
        What can be done with the job.
    """

    def __init__(self, access: JobAccess) -> None:
        self._access = access

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        """The job's id, by which any process finds it again."""
        return self._access.id

    async def status(self) -> JobStatus:
        """Return where the job stands."""
        return await self._access.status()

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the blocking form
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
        last: Snapshot | None = None
        async with asyncio.timeout(timeout):
            async for snapshot in self._access.snapshots(interval=interval):
                if on_event is not None:
                    for event in _events(last, snapshot):
                        on_event(event)
                last = snapshot
        assert last is not None  # noqa: S101 - there is one at least
        if last.status.output is None:
            raise last.status.failure()
        return Video.of(
            last.spec, job_id=self.id, location=last.status.output, cost=await self._known_cost()
        )

    async def events(self, *, interval: float = INTERVAL) -> AsyncIterator[ProgressEvent]:
        """Yield what happens to the job from now on until it has ended.

        The first and the last one are notices with the job's status as facts.

        Parameters
        ----------
        interval:
            Seconds between two looks.
        """
        last: Snapshot | None = None
        async for snapshot in self._access.snapshots(interval=interval):
            for event in _events(last, snapshot):
                yield event
            last = snapshot

    async def download(self, path: str | os.PathLike[str]) -> Path | str:
        """Copy the video to a file of this machine, or to an s3:// or gs:// URL; return where.

        Raises
        ------
        JobStateConflict
            There is no video.
        StorageError
            It can't be read, or written there.
        """
        destination = Destination.of(os.fspath(path))
        await self._access.fetch(destination)
        return destination.url or Path(str(destination))

    async def cancel(self, *, reason: str = REASON) -> JobStatus:
        """End what runs; finished chunks are kept.

        Raises
        ------
        JobStateConflict
            The job has ended already.
        """
        return await self._access.cancel(reason=reason)

    async def pause(self) -> JobStatus:
        """Let what runs finish, and begin nothing new.

        Raises
        ------
        JobStateConflict
            The job doesn't run, or a deployment runs it, which can't pause.
        """
        return await self._access.pause()

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
        """Run what is missing of a job that was paused, failed, cancelled or interrupted.

        Parameters
        ----------
        wait:
            Run it in this process, and return its video. Otherwise it runs in a process of its
            own, and this returns once that has begun. A deployment runs its jobs in any case.
        fresh:
            Render all of its chunks anew.
        changes:
            Settings that differ from its earlier runs.

        Raises
        ------
        JobStateConflict
            It is completed, or a deployment runs it now.
        JobBusy
            Another process runs it.
        HeliosError
            It failed.
        """
        changed = ResumeSettings.of(changes)
        if not wait:
            await self._access.resume_in_background(fresh=fresh, changes=changed)
            return None
        await self._access.resume(fresh=fresh, changes=changed)
        return await self.wait()

    async def cost(self) -> "Cost | None":
        """Return what the job cost by now, by list prices; None if all of it ran here."""
        return await self._access.cost()

    async def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        """Return what is kept of the attempts at its chunks, or at one of them."""
        return await self._access.logs(chunk_id)

    async def verify(self, video: str | os.PathLike[str] | None = None) -> "SeamReport":
        """Check its video, or another one that is meant to be it, at the seams of its chunks.

        Raises
        ------
        SeamBroken
        """
        return await self._access.verify(None if video is None else os.fspath(video))

    async def delete(self, *, chunks: bool = False) -> None:
        """Remove the job's record, and its chunks if asked to; its video stays.

        Raises
        ------
        JobBusy
            It runs.
        """
        await self._access.delete(chunks=chunks)

    async def _known_cost(self) -> "Cost | None":
        try:
            return await self.cost()
        except HeliosError:
            return None


def _events(before: Snapshot | None, now: Snapshot) -> list[ProgressEvent]:
    status = now.status
    events: list[ProgressEvent] = [] if before is None else list(now.events_since(before))
    if before is None or not status.is_active:
        text = (
            f"{status.id}: {status.state}, {status.chunks_done} of {status.chunks_total} chunks"
            f" and {status.frames_done} of {status.frames_total} frames are done"
        )
        events.append(Notice("status", text, status.document()))
    return events
