"""Jobs in object storage, shared by all machines with access to it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from helios.concurrency import finish_despite_cancel, map_limited
from helios.contract.job_spec import JobSpec
from helios.errors import (
    ArtifactNotFound,
    HeliosError,
    JobBusy,
    JobExists,
    JobRecordInvalid,
    JobRecordNewer,
    JobSpecInvalid,
)
from helios.storage.base import ArtifactStorage, StoredObject
from orchestrator.job_repository.base import (
    ControlRequest,
    JobClaim,
    JobRepository,
    Listing,
    not_found,
)
from orchestrator.job_repository.lease import TERM, Lease, StorageClock
from orchestrator.job_repository.record_format import (
    decode_chunks,
    decode_summary,
    encode_chunks,
    encode_summary,
)
from orchestrator.job_repository.storage_claim import StorageClaim
from orchestrator.job_repository.storage_keys import REGISTRY, SUMMARIES, JobKeys
from orchestrator.job_repository.summary_index import IndexEntry, SummaryIndex, choose
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState

#: Objects that are fetched at the same time.
FETCHES_AT_ONCE = 32


class StorageJobRepository(JobRepository):
    """Stores jobs below `registry/` of an artifact storage.

    Each write of a summary is an object of its own, named by its revision and created only if it
    isn't there: of two writers that build on the same revision, the storage lets one through. The
    chunk log is a row of objects, one a batch. Claims are leases that expire.

    Args:
        storage: The storage; the caller closes it.
        index: File of this machine that keeps summaries between lists; None to read all every time.
        lease_term: Seconds after which a claim ends whose process has died.
    """

    def __init__(
        self, storage: ArtifactStorage, *, index: Path | None = None, lease_term: float = TERM
    ) -> None:
        self._storage = storage
        self._index = None if index is None else SummaryIndex(index)
        self._lease_term = lease_term
        self._clock = StorageClock(storage, f"{REGISTRY}/clock/")

    async def create(self, job: Job) -> None:
        files = JobKeys(check_job_id(job.id), job.spec_digest)
        # Its key contains its digest: a second job with this id doesn't replace it.
        await self._storage.put_bytes(files.spec, job.spec.to_json().encode())
        if job.chunks:
            data = encode_chunks(job.chunks.values())
            await self._storage.put_bytes(files.log_part(0, 0), data)
        first = files.summary(job.revision)
        created = not await self._revisions(job.id) and await self._storage.create(
            first, encode_summary(job.summary())
        )
        if not created:
            raise JobExists(f"job {job.id!r}: there is one with this id in {self._storage.url}")

    async def get(self, job_id: str) -> Job:
        return (await self.load(job_id))[0]

    async def load(self, job_id: str) -> tuple[Job, int]:
        """Return a job, and how many entries of its chunk log are damaged."""
        summary = await self.summary(job_id)
        files = JobKeys(job_id, summary.spec_digest)
        try:
            spec_data, parts = await asyncio.gather(
                self._storage.get_bytes(files.spec), self._log(files)
            )
            spec = JobSpec.parse(spec_data, source=self._storage.url_of(files.spec))
        except (ArtifactNotFound, JobSpecInvalid) as fault:
            raise JobRecordInvalid(
                f"job {job_id!r}: {fault.message}", details=fault.details
            ) from fault
        chunks, damaged = decode_chunks(parts, source=self._storage.url_of(files.log))
        return Job.of(summary, spec=spec, chunks=chunks), damaged

    async def summary(self, job_id: str) -> JobSummary:
        while True:
            revisions = await self._revisions(check_job_id(job_id))
            if not revisions:
                raise not_found(job_id, where=self._storage.url)
            # It may be replaced by the next one right now.
            with suppress(ArtifactNotFound):
                return await self._read(job_id, revisions[-1])

    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        latest = {
            stored.key.removeprefix(SUMMARIES).partition("/")[0]: stored
            for stored in await self._storage.list(SUMMARIES)
        }
        present = {job_id: f"{stored.key}-{stored.version}" for job_id, stored in latest.items()}
        entries = {} if self._index is None else self._index.entries(present)
        faults: list[JobRecordInvalid] = []

        async def fetch(job_id: str) -> None:
            try:
                summary = await self._read(job_id, latest[job_id])
                entries[job_id] = IndexEntry.of(summary, present[job_id])
            except JobRecordInvalid as fault:
                faults.append(fault)
            except ArtifactNotFound:
                with suppress(HeliosError):
                    summary = await self.summary(job_id)
                    entries[job_id] = IndexEntry.of(summary, "")

        unknown = present.keys() - entries.keys()
        await map_limited(fetch, unknown, limit=FETCHES_AT_ONCE)
        if self._index is not None and unknown:
            await asyncio.to_thread(self._index.keep, list(entries.values()))
        return Listing(choose(entries.values(), states=states, limit=limit), faults)

    @asynccontextmanager
    async def claim(self, job_id: str) -> AsyncIterator[JobClaim]:
        summary = await self.summary(job_id)
        lease = self._lease(job_id)
        try:
            await lease.take()
        except JobBusy as fault:
            raise JobBusy(
                f"job {job_id!r}: {fault.message}",
                hint=f"Wait for it, or `orchestrator cancel {job_id}`.",
            ) from None
        claim = StorageClaim(
            self._storage, JobKeys(job_id, summary.spec_digest), lease, load=self.load
        )
        try:
            await self._storage.delete(claim.files.request)
            yield claim
        finally:
            await finish_despite_cancel(claim.end())

    async def holder(self, job_id: str) -> str | None:
        await self._check_kept(job_id)
        holding = await self._lease(job_id).holding()
        return None if holding is None else holding.holder

    async def ask(self, job_id: str, request: ControlRequest) -> None:
        await self._check_kept(job_id)
        await self._storage.put_bytes(JobKeys(job_id).request, request.encode())

    async def _check_kept(self, job_id: str) -> None:
        if not await self._revisions(check_job_id(job_id)):
            raise not_found(job_id, where=self._storage.url)

    def _lease(self, job_id: str) -> Lease:
        return Lease(
            self._storage,
            JobKeys(job_id).claims,
            clock=self._clock,
            holder=f"process {os.getpid()} on {socket.gethostname()}",
            term=self._lease_term,
        )

    async def _revisions(self, job_id: str) -> Sequence[StoredObject]:
        return await self._storage.list(f"{SUMMARIES}{job_id}/")

    async def _log(self, files: JobKeys) -> Sequence[bytes]:
        while True:
            stored = await self._storage.list(files.log)
            try:
                return await asyncio.gather(*(self._storage.get_bytes(s.key) for s in stored))
            except ArtifactNotFound:
                # The parts were put together in between.
                continue

    async def _read(self, job_id: str, stored: StoredObject) -> JobSummary:
        data = await self._storage.get_bytes(stored.key)
        source = self._storage.url_of(stored.key)
        try:
            summary = decode_summary(data, source=source)
            if summary.id != job_id:
                raise JobRecordInvalid(f"{source}: is that of job {summary.id!r}")
        except JobRecordNewer:
            raise
        except JobRecordInvalid as fault:
            if await self._lease(job_id).holding() is None:
                aside = stored.key.replace(SUMMARIES, f"{REGISTRY}/damaged/")
                await self._storage.put_bytes(aside, data)
                await self._storage.delete(stored.key)
                fault.hint = f"It was set aside as {self._storage.url_of(aside)}."
            raise
        return summary
