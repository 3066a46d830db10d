"""The interface of backends: the steps that differ, and the run that they share."""

import asyncio
import contextlib
import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from helios.records.chunk_trace import ChunkTrace
from helios.stitcher.chunk_check import check_chunk_outputs
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.backends.completion import (
    check_reachable,
    link_to,
    tell_completion,
    warn_of_picture,
)
from orchestrator.backends.job_folder import (
    from_here,
    location_here,
    prepare_folder,
    remove_folder,
)
from orchestrator.backends.sharing import Share
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.display.display import Display, SilentDisplay
from orchestrator.display.near_time_limit import NearTimeLimit
from orchestrator.display.time_use import TimeUse
from orchestrator.execution.growing_playlist import growing_playlist, playlist_path
from orchestrator.execution.job_executor import JobExecutor, JobResult
from orchestrator.execution.live_playlist import LivePlaylist
from orchestrator.execution.merge_step import ChunkCheck
from orchestrator.execution.run_hooks import RunHooks, to_all
from orchestrator.execution.seam_step import SeamSource
from orchestrator.job_repository.file_lock import alone_in
from orchestrator.model.job import Job
from orchestrator.model.limits import Limits
from orchestrator.planning.output_kinds import makes_images
from orchestrator.planning.resume import remove_outputs


class Backend(ABC):
    """Runs one job where its location says.

    Nothing is kept in memory between runs: any process with access to the location can resume
    a job that another one began.
    """

    #: Describes what happens to a run that is stopped.
    stopping = "what runs is ended, finished chunks stay"
    #: Whether slow chunks are given to a second worker, unless the job's settings forbid it.
    hedges = False

    def __init__(
        self, job: Job, *, display: Display | None = None, share: Share | None = None
    ) -> None:
        hedges = self.hedges and job.settings.backups is not False
        self.job = job
        self.spec = job.spec
        self.settings = job.settings.model_copy(update={"backups": hedges})
        self.display = display or SilentDisplay()
        self.location = location_here(job)
        self.folder = from_here(self.location.folder)
        self.job_file = from_here(Path(self.location.job_path))
        self.share = share
        self.limits = Limits(deadline=self.settings.deadline) if share is None else share.limits
        self.stores = Stores()

    async def run(self, *, keep_chunks: bool, hooks: RunHooks) -> str:
        """Run the job to its end, and return the location of its result.

        With `keep_chunks`, existing valid chunks count as finished. Cancelling the calling task
        ends what runs, where that is possible.

        Raises:
            JobBusy: Another process runs a job in the folder.
        """
        self.display.stopping = self.stopping
        time_use, near_limit = TimeUse(self.spec), NearTimeLimit(self.spec)
        ours = await asyncio.to_thread(prepare_folder, self.job, self.location)
        # The records of remote chunks name their job.
        keep_chunks = keep_chunks and (ours or not self.location.is_local)
        async with self.stores:
            await self._check_destination()
            with alone_in(self.folder):
                try:
                    await self.prepare(keep_chunks=keep_chunks)
                    done = await self.reused_chunks(keep_chunks=keep_chunks)
                    hooks.on_reused(done)
                    async with self._showing(done) as playlist:
                        listeners = [time_use.note, near_limit.note]
                        listeners += [] if playlist is None else [playlist.on_event]
                        chunks, merge = self._adapters()
                        result = await JobExecutor(chunks).execute(
                            self.spec,
                            self.settings,
                            job_dir=self.folder,
                            job_path=self.job_path,
                            completed_chunk_ids=done,
                            on_event=to_all(hooks.on_event, self.display.show, *listeners),
                            pause=hooks.pause,
                            record=hooks.record,
                            merge_adapter=merge,
                            stitcher=playlist,
                            output_file=self.playlist_file,
                            verify=self.chunk_check,
                            seams=self.seams,
                        )
                    output = await self.deliver(result)
                finally:
                    await self.close()
            link = await link_to(output, self.settings.presign, self.stores)
        await warn_of_picture(self.display, self.spec, output)
        if warning := near_limit.warning():
            self.display.warn(warning)
        if told := time_use.line(result.duration):
            self.display.note("time_use", told[0], **told[1])
        tell_completion(self.display, self.spec, result, output, link=link)
        return output

    @abstractmethod
    async def prepare(self, *, keep_chunks: bool) -> None:
        """Prepare folders, storage and connections for workers."""

    @abstractmethod
    async def reused_chunks(self, *, keep_chunks: bool) -> Collection[int]:
        """Return the chunks to keep, show them, and remove the others."""

    @abstractmethod
    def chunk_adapter(self) -> WorkerAdapter:
        """Return the adapter that sends chunks to workers."""

    def merge_adapter(self) -> WorkerAdapter | None:
        """Return the adapter that runs the merge command; None for that of the chunks."""
        return None

    @abstractmethod
    async def deliver(self, result: JobResult) -> str:
        """Move a run's result to its destination, and return its location."""

    async def close(self) -> None:  # noqa: B027 - some have nothing to close
        """Stop background tasks, and close connections."""

    @property
    def job_path(self) -> str:
        """Path or URL of the job spec for workers."""
        return str(self.job_file)

    @property
    def chunk_check(self) -> ChunkCheck | None:
        """Checks the chunks in the job's folder before they are stitched there."""
        return check_chunk_outputs

    @property
    @abstractmethod
    def seams(self) -> SeamSource:
        """The boundary frames of the chunks."""

    def chunk_trace(self, chunk_id: int) -> ChunkTrace | None:  # noqa: ARG002
        """Return the trace of a chunk that has ended; None where its worker stores it."""
        return None

    @functools.cached_property
    def destination(self) -> Destination | None:
        """Destination of the video; None leaves it in the job's folder."""
        if self.location.output is None:
            return None
        destination = Destination.of(self.location.output)
        if destination.path is None:
            return destination
        return Destination(path=from_here(destination.path))

    @functools.cached_property
    def playlist_file(self) -> Path | None:
        """The playlist that grows while chunks are rendered; None if the job makes none."""
        if not self.settings.makes_video:
            return None
        return playlist_path(self.spec, self.folder, self.destination)

    async def tidy(self) -> None:
        """Remove intermediate files, once the result is delivered and recorded."""
        if not self.location.keep:
            await asyncio.to_thread(remove_folder, self.spec, self.location.folder)

    async def forget(self) -> None:
        """Remove the job's chunks, so that all of them are rendered again."""
        await asyncio.to_thread(remove_outputs, self.spec, self.location.folder)

    async def discard(self) -> None:
        """Remove all files of the job, except for a result that was delivered elsewhere."""
        await self.forget()
        await self.tidy()

    def note_resumed(self, done: Collection[int]) -> None:
        """Show which chunks exist already."""
        count = "1 chunk" if len(done) == 1 else f"{len(done)} chunks"
        text = f"{count} of {len(self.spec.chunks)} already there"
        self.display.note("resumed", text, chunks=sorted(done))

    def _adapters(self) -> tuple[WorkerAdapter, WorkerAdapter]:
        """Return the adapters of chunks and of the merge, which may share workers with others."""
        chunks = self.chunk_adapter()
        merge = self.merge_adapter() or chunks
        if self.share is None:
            return chunks, merge
        return self.share.chunks(chunks), self.share.merges(merge)

    async def _check_destination(self) -> None:
        if self.destination is not None:
            self.destination.check(images=makes_images(self.spec))
            await check_reachable(self.destination, self.stores)

    @contextlib.asynccontextmanager
    async def _showing(self, done: Collection[int]) -> AsyncIterator[LivePlaylist | None]:
        """Show the job, end it at its deadline, and let its playlist grow, for a context."""
        with self.display.job(self.spec, done=done, only=self.settings.only):
            async with (
                self.limits.keep_time(),
                growing_playlist(
                    self.spec,
                    self.playlist_file,
                    job_dir=self.folder,
                    done=done,
                    seams=self.seams,
                    display=self.display,
                ) as playlist,
            ):
                yield playlist
