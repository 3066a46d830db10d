"""Detached renders of one backend: submitted, looked at, stopped, fetched."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from helios.contract.job_spec import MAX_SPEC_BYTES, JobSpec
from helios.contract.merge_command import merged_name
from helios.errors import (
    ArtifactNotFound,
    JobExists,
    JobNotFound,
    JobStateConflict,
    OptionInvalid,
)
from helios.media.image_archive import unpack_images
from helios.records.chunk_index import JobIndex
from helios.records.chunk_record import ChunkRecord
from helios.records.job_layout import chunks_in
from helios.records.job_outcome import JobOutcome, read_outcome
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.status import RenderStatus, log_query, problems_in, records_in
from orchestrator.backends.stored_chunks import delete_chunks
from orchestrator.backends.upload import StoredJob, upload_job
from orchestrator.clouds.log_query import LogRecord
from orchestrator.cost import Usage
from orchestrator.cost.recorded import merges_in, recorded_usage
from orchestrator.delivery.deliver import deliver
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.packaging import PackagedJob
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings
from orchestrator.planning.output_kinds import is_playlist

#: Seconds between two looks at a render that runs.
INTERVAL = 2.0
#: Seconds until the outcome of a render that has ended must be in storage.
OUTCOME_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """A render that was started.

    Attributes
    ----------
    execution:
        What its engine says of it.
    stored:
        Its job in storage.
    is_new:
        Whether this start was the first one under its id.
    """

    execution: Execution
    stored: StoredJob
    is_new: bool


class DetachedRenders:
    """Renders that go on in one backend.

    Parameters
    ----------
    backend:
        Where.
    stores:
        Opens its storage.
    """

    def __init__(self, backend: DetachedBackend, stores: Stores) -> None:
        self.backend = backend
        self._stores = stores

    async def submit(
        self,
        job: PackagedJob,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Submitted:
        """Store a job and start its render; the same job twice is one render.

        Parameters
        ----------
        job:
            The job, with the render's id.
        concurrency:
            Chunks at the same time; None for what the backend suits.
        webhook:
            The receiver of the outcome.
        stop_at:
            Time after which no chunk starts.

        Raises
        ------
        JobExists
            The id is that of another render.
        OptionInvalid
            The id can't be one, or the job makes a playlist.
        HeliosError
            Storage or engine refuse.
        """
        check_job_id(job.spec.id or "", detached=True)
        name = merged_name(job.spec)
        if is_playlist(name):
            raise OptionInvalid(
                f"output {name}: a playlist grows where a client is",
                hint="Render to a .mp4 file, or without --detach.",
            )
        stored = await upload_job(
            job, artifacts=[self.backend.artifacts], stores=self._stores, once=True
        )
        there = stored[self.backend.artifacts]
        if not there.is_new:
            await self._check_same(there)
        execution = await self.backend.start(
            there.spec, concurrency=concurrency, webhook=webhook, stop_at=stop_at
        )
        return Submitted(execution, there, there.is_new)

    async def status(self, job_id: str) -> RenderStatus:
        """Return how far a render is.

        Raises
        ------
        JobNotFound
            There is no such render.
        """
        folder = self._folder(job_id)
        index = JobIndex(folder, await self._spec(job_id, folder))
        return await self._with_problems(await self._look(job_id, folder, index), folder, index)

    async def watch(
        self, job_id: str, *, interval: float = INTERVAL
    ) -> AsyncIterator[RenderStatus]:
        """Yield how far a render is, now and again until it has ended.

        The last status has the render's outcome, unless it was never recorded, and what pages
        logged or threw.

        Parameters
        ----------
        interval:
            Seconds between two looks.
        """
        folder = self._folder(job_id)
        index = JobIndex(folder, await self._spec(job_id, folder))
        while True:
            status = await self._look(job_id, folder, index)
            if status.state is not JobState.RUNNING:
                status = await self._with_outcome(status, folder, index, interval=interval)
                yield await self._with_problems(status, folder, index)
                return
            yield status
            await asyncio.sleep(interval)

    async def records(
        self, job_id: str, spec: JobSpec, ids: Collection[int]
    ) -> Sequence[ChunkRecord]:
        """Return what workers recorded of chunks, in the order in which these were done."""
        return await records_in(self._folder(job_id), spec, ids)

    async def usage(self, status: RenderStatus) -> Usage:
        """Return what a render used by now, as far as workers recorded it."""
        folder = self._folder(status.id)
        chunks, merges = await asyncio.gather(
            records_in(folder, status.spec, status.done), merges_in(folder)
        )
        return recorded_usage(chunks, merges, detached=True)

    async def resume(
        self,
        job_id: str,
        *,
        fresh: bool = False,
        concurrency: int | None = None,
        stop_at: datetime | None = None,
    ) -> RenderStatus:
        """Resume a render that failed or was stopped: run its missing chunks.

        Parameters
        ----------
        fresh:
            Render all chunks again.
        concurrency:
            Chunks at the same time; what the latest run had by default.
        stop_at:
            Time after which no chunk starts.

        Raises
        ------
        JobStateConflict
            It runs, or is completed.
        """
        status = await self.status(job_id)
        if status.state is JobState.RUNNING:
            raise JobStateConflict(
                f"render {job_id!r}: runs already", hint=f"orchestrator watch {job_id}"
            )
        if status.state is JobState.COMPLETED:
            raise JobStateConflict(
                f"render {job_id!r}: is completed", hint=f"orchestrator fetch {job_id} -o OUT"
            )
        folder = self._folder(job_id)
        if fresh:
            await delete_chunks(folder)
        # By the records, not by the index: what a merge found damaged has no record any more.
        done = await chunks_in(folder, status.spec)
        missing = [chunk.id for chunk in status.spec.chunks if chunk.id not in done]
        await self.backend.resume(status.spec, missing, concurrency=concurrency, stop_at=stop_at)
        return await self.status(job_id)

    async def chunks_at_once(self, wanted: int) -> int:
        """Return how many chunks of a render run at the same time, within the account's quota."""
        quota = await self.backend.quota()
        return wanted if quota is None else min(wanted, quota)

    async def cancel(self, job_id: str, *, reason: str) -> RenderStatus:
        """Stop a render, and return how far it came; one that has ended stays as it is."""
        await self.backend.cancel(job_id, reason=reason)
        return await self.status(job_id)

    async def fetch(self, job_id: str, destination: Destination) -> RenderStatus:
        """Bring a render's video to where it is wanted.

        Raises
        ------
        JobStateConflict
            There is no video, as the render runs, failed or was stopped.
        HeliosError
            The destination can't be written, or the video isn't what it was.
        """
        status = await self.status(job_id)
        if status.output is None:
            raise _no_video(status)
        artifact, url = status.output, destination.url
        if url is not None:
            await self._stores.copy(artifact, url)
            return status
        destination.check(images=artifact.url.endswith(".tar"))
        path = Path(str(destination))
        with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
            whole = Path(scratch, artifact.url.rpartition("/")[2])
            await self._stores.fetch(artifact, whole)
            await asyncio.to_thread(_deliver, whole, path)
        return status

    async def log(
        self, status: RenderStatus, *, chunk_id: int | None = None
    ) -> Sequence[LogRecord]:
        """Return what the workers of a render logged, in the order of time.

        Parameters
        ----------
        chunk_id:
            Only of this chunk.
        """
        query = log_query(status, self.backend.artifacts, chunk_id=chunk_id)
        return await self.backend.log(query)

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the renders that were started last, the latest one first."""
        return await self.backend.recent(limit=limit)

    def _folder(self, job_id: str) -> ArtifactStorage:
        check_job_id(job_id, detached=True)
        return self._stores.at(f"{self.backend.artifacts}/jobs/{job_id}")

    async def _spec(self, job_id: str, folder: ArtifactStorage) -> JobSpec:
        try:
            data = await folder.get_bytes("job.json", limit=MAX_SPEC_BYTES)
        except ArtifactNotFound:
            raise JobNotFound(
                f"render {job_id!r}: there is none in the {self.backend.name}",
                hint="`orchestrator list` shows those that were started last.",
            ) from None
        return JobSpec.parse(data, source=folder.url_of("job.json"))

    async def _look(
        self, job_id: str, folder: ArtifactStorage, index: JobIndex, *, whole: bool = False
    ) -> RenderStatus:
        execution, _, outcome = await asyncio.gather(
            self._execution(job_id), index.update(whole=whole), read_outcome(folder)
        )
        if execution is None:
            if outcome is None:
                raise JobNotFound(
                    f"render {job_id!r}: was stored, but never started in the {self.backend.name}",
                    hint="Submit it again, under the same --request-id.",
                )
            execution = _told_by(outcome)
        elif outcome is not None and outcome.execution != execution.name:
            outcome = None
        return RenderStatus(execution=execution, spec=index.spec, done=index.done, outcome=outcome)

    async def _with_problems(
        self, status: RenderStatus, folder: ArtifactStorage, index: JobIndex
    ) -> RenderStatus:
        """Return a status with the errors and warnings of pages."""
        count = sum(entry.has_problems for entry in index.entries.values())
        found = await problems_in(folder, index)
        return replace(status, page_problems=found, problem_chunks=count)

    async def _execution(self, job_id: str) -> Execution | None:
        """Return a render's execution; None if the engine doesn't know it, or no longer does."""
        try:
            return await self.backend.find(job_id)
        except JobNotFound:
            return None

    async def _with_outcome(
        self, status: RenderStatus, folder: ArtifactStorage, index: JobIndex, *, interval: float
    ) -> RenderStatus:
        """Wait for the outcome of a render that has ended, which is recorded a moment later."""
        left = OUTCOME_PATIENCE
        while status.outcome is None and left > 0:
            await asyncio.sleep(min(interval, left))
            left -= interval
            status = await self._look(status.id, folder, index)
        # Entries may have come late, by clocks that differ.
        return await self._look(status.id, folder, index, whole=True)

    async def _check_same(self, stored: StoredJob) -> None:
        """Make sure that the job which was stored before is the same."""
        there = await self._stores.read(stored.job_path, limit=MAX_SPEC_BYTES)
        if there != stored.spec.to_json().encode():
            raise JobExists(
                f"render {stored.spec.id!r}: another one has this id",
                hint="Give another --request-id, or leave it out. (A changed composition, other"
                " flags, or another version of this program make another render.)",
            )


def _told_by(outcome: JobOutcome) -> Execution:
    return Execution(
        job_id=outcome.job_id,
        name=outcome.execution,
        state=JobState(outcome.status),
        started_at=outcome.started_at,
        ended_at=outcome.ended_at,
        output=outcome.output,
        error=outcome.error,
    )


def _no_video(status: RenderStatus) -> JobStateConflict:
    hint = ""
    if status.state is JobState.RUNNING:
        hint = f"Wait for it: orchestrator watch {status.id}"
    return JobStateConflict(
        f"render {status.id!r}: there is no video: it is {status.state},"
        f" with {len(status.done)} of {status.chunks_total} chunks",
        hint=hint,
    )


def _deliver(whole: Path, path: Path) -> None:
    if whole.suffix != ".tar" or path.suffix == ".tar":
        deliver(whole, path)
        return
    images = whole.with_name("images")
    unpack_images(whole, images)
    deliver(images, path)
