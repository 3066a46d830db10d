"""Detached renders of one backend: submitted, looked at, stopped, fetched."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import (
    JobExists,
    JobStateConflict,
    OptionInvalid,
)
from helios.media.image_archive import unpack_images
from helios.records.chunk_record import ChunkRecord
from helios.records.job_layout import chunks_in
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.render_watch import RenderWatch
from orchestrator.backends.detached.status import RenderStatus, log_query, records_in
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


@dataclass(frozen=True, slots=True)
class Submitted:
    """A render that was started."""

    #: What its engine says of it.
    execution: Execution
    #: Its job in storage.
    stored: StoredJob
    #: Whether this start was the first one under its id.
    is_new: bool


class DetachedRenders:
    """Renders that go on in one backend, and the storages that they use."""

    def __init__(self, backend: DetachedBackend, stores: Stores) -> None:
        self.backend = backend
        self.stores = stores

    async def submit(
        self,
        job: PackagedJob,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Submitted:
        """Store a job and start its render; the same job twice is one render.

        Options are those of `DetachedBackend.start`.

        Raises:
            JobExists: The id is that of another render.
        """
        there = await self.store(job)
        execution = await self.backend.start(
            there.spec, concurrency=concurrency, webhook=webhook, stop_at=stop_at
        )
        return Submitted(execution, there, there.is_new)

    async def store(
        self, job: PackagedJob, *, assets: Mapping[str, str] | None = None
    ) -> StoredJob:
        """Store a job without starting it; `assets` as for `upload_job`.

        Raises:
            JobExists: The id is that of another render.
        """
        check_job_id(job.spec.id or "", detached=True)
        name = merged_name(job.spec)
        if is_playlist(name):
            raise OptionInvalid(
                f"output {name}: a playlist grows where a client is",
                hint="Render to a .mp4 file, or without --detach.",
            )
        url = self.backend.artifacts
        stored = await upload_job(
            job, artifacts=[url], stores=self.stores, once=True, assets=assets
        )
        if not stored[url].is_new:
            await self._check_same(stored[url])
        return stored[url]

    async def status(self, job_id: str) -> RenderStatus:
        """Return how far a render is; `JobNotFound` if there is none."""
        return await (await self._watch(job_id)).status()

    async def watch(
        self, job_id: str, *, interval: float = INTERVAL
    ) -> AsyncIterator[RenderStatus]:
        """Yield how far a render is every `interval` seconds, until it has ended."""
        watch = await self._watch(job_id)
        async for status in watch.statuses(interval=interval):
            yield status

    async def records(
        self, job_id: str, spec: JobSpec, ids: Collection[int]
    ) -> Sequence[ChunkRecord]:
        """Return what workers recorded of chunks, in the order in which these were done."""
        return await records_in(self.folder(job_id), spec, ids)

    async def usage(self, status: RenderStatus) -> Usage:
        """Return what a render used by now, as far as workers recorded it."""
        folder = self.folder(status.id)
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
        """Run the missing chunks of a render that failed or was stopped, with `fresh` all chunks.

        Options are those of `DetachedBackend.resume`.

        Raises:
            JobStateConflict: It runs, or is completed.
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
        folder = self.folder(job_id)
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
        """Copy a render's video to a destination; `JobStateConflict` if there is none."""
        status = await self.status(job_id)
        if status.output is None:
            raise _no_video(status)
        artifact, url = status.output, destination.url
        if url is not None:
            await self.stores.copy(artifact, url)
            return status
        destination.check(images=artifact.url.endswith(".tar"))
        path = Path(str(destination))
        with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
            whole = Path(scratch, artifact.url.rpartition("/")[2])
            await self.stores.fetch(artifact, whole)
            await asyncio.to_thread(_deliver, whole, path)
        return status

    async def log(
        self, status: RenderStatus, *, chunk_id: int | None = None
    ) -> Sequence[LogRecord]:
        """Return what the workers of a render logged, in the order of time."""
        query = log_query(status, self.backend.artifacts, chunk_id=chunk_id)
        return await self.backend.log(query)

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        """Return the renders that were started last, the latest one first."""
        return await self.backend.recent(limit=limit)

    def folder(self, job_id: str) -> ArtifactStorage:
        """Return a job's folder in storage."""
        check_job_id(job_id, detached=True)
        return self.stores.at(f"{self.backend.artifacts}/jobs/{job_id}")

    async def _watch(self, job_id: str) -> RenderWatch:
        return await RenderWatch.of(job_id, self.backend, self.folder(job_id))

    async def _check_same(self, stored: StoredJob) -> None:
        """Make sure that the job which was stored before is the same."""
        there = await self.stores.read(stored.job_path, limit=MAX_SPEC_BYTES)
        if there != stored.spec.to_json().encode():
            raise JobExists(
                f"render {stored.spec.id!r}: another one has this id",
                hint="Give another --request-id, or leave it out. (A changed composition, other"
                " flags, or another version of this program make another render.)",
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
