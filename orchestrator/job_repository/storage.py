"""Jobs in object storage, shared by all who can reach it."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from helios.concurrency import finish_despite_cancel
from helios.contract.job_spec import JobSpec
from helios.errors import (
    ArtifactNotFound,
    HeliosError,
    JobBusy,
    JobChanged,
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
from orchestrator.job_repository.summary_index import IndexEntry, SummaryIndex, choose
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState

#: Where everything is, below the storage's URL.
REGISTRY = "registry"
#: Parts of a chunk log beyond which they are put together at a claim's end.
MOST_PARTS = 8
#: Objects that are fetched at the same time.
FETCHES_AT_ONCE = 32

_SUMMARIES = f"{REGISTRY}/summaries/"


class StorageJobRepository(JobRepository):
    """Keeps jobs below `registry/` of an artifact storage.

    Each write of a summary is an object of its own, named by its revision and created only if it
    isn't there: of two writers that build on the same revision, the storage lets one through. The
    chunk log is a row of objects, one a batch. Claims are leases that expire.

    Parameters
    ----------
    storage:
        Shared by everybody; the caller closes it.
    index:
        File of this machine that keeps summaries between lists; None to read all every time.
    lease_term:
        Seconds after which a claim ends whose process has died.
    """

    def __init__(
        self, storage: ArtifactStorage, *, index: Path | None = None, lease_term: float = TERM
    ) -> None:
        self._storage = storage
        self._index = None if index is None else SummaryIndex(index)
        self._lease_term = lease_term
        self._clock = StorageClock(storage, f"{REGISTRY}/clock/")

    async def create(self, job: Job) -> None:
        files = _Files(check_job_id(job.id), job.spec_digest)
        # Named by its content, the spec is that of this job, whoever else tries the same id.
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
        files = _Files(job_id, summary.spec_digest)
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
            stored.key.removeprefix(_SUMMARIES).partition("/")[0]: stored
            for stored in await self._storage.list(_SUMMARIES)
        }
        present = {job_id: f"{stored.key}-{stored.version}" for job_id, stored in latest.items()}
        entries = {} if self._index is None else self._index.entries(present)
        faults: list[JobRecordInvalid] = []
        gate = asyncio.Semaphore(FETCHES_AT_ONCE)

        async def fetch(job_id: str) -> None:
            async with gate:
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
        await asyncio.gather(*map(fetch, unknown))
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
        claim = _StorageClaim(self, self._storage, _Files(job_id, summary.spec_digest), lease)
        try:
            await self._storage.delete(claim.files.wish)
            yield claim
        finally:
            await finish_despite_cancel(claim.end())

    async def holder(self, job_id: str) -> str | None:
        await self._check_kept(job_id)
        holding = await self._lease(job_id).holding()
        return None if holding is None else holding.holder

    async def ask(self, job_id: str, wish: ControlRequest) -> None:
        await self._check_kept(job_id)
        await self._storage.put_bytes(_Files(job_id).wish, wish.encode())

    async def _check_kept(self, job_id: str) -> None:
        if not await self._revisions(check_job_id(job_id)):
            raise not_found(job_id, where=self._storage.url)

    def _lease(self, job_id: str) -> Lease:
        return Lease(
            self._storage,
            _Files(job_id).claims,
            clock=self._clock,
            holder=f"process {os.getpid()} on {socket.gethostname()}",
            term=self._lease_term,
        )

    async def _revisions(self, job_id: str) -> Sequence[StoredObject]:
        return await self._storage.list(f"{_SUMMARIES}{job_id}/")

    async def _log(self, files: "_Files") -> Sequence[bytes]:
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
                aside = stored.key.replace(_SUMMARIES, f"{REGISTRY}/damaged/")
                await self._storage.put_bytes(aside, data)
                await self._storage.delete(stored.key)
                fault.hint = f"It was set aside as {self._storage.url_of(aside)}."
            raise
        return summary


class _Files:
    """The keys of a job's objects."""

    def __init__(self, job_id: str, spec_digest: str = "") -> None:
        self.job_id = job_id
        self.summaries = f"{_SUMMARIES}{job_id}/"
        self.record = f"{REGISTRY}/records/{job_id}/"
        self.spec = f"{self.record}{spec_digest}/spec.json"
        self.log = f"{self.record}{spec_digest}/chunks/"
        self.claims = f"{REGISTRY}/claims/{job_id}/"
        self.wish = f"{REGISTRY}/wishes/{job_id}"

    def summary(self, revision: int) -> str:
        return f"{self.summaries}{revision:010}.json"

    def log_part(self, lease: int, number: int) -> str:
        return f"{self.log}{lease:010}-{number:010}.jsonl"


class _StorageClaim(JobClaim):
    wish_interval = 2.0
    record_interval = 5.0

    def __init__(
        self,
        repository: StorageJobRepository,
        storage: ArtifactStorage,
        files: _Files,
        lease: Lease,
    ) -> None:
        super().__init__(files.job_id)
        self.files = files
        self._repository = repository
        self._storage = storage
        self._lease = lease
        self._parts = 0
        self._deleted = False

    async def load(self) -> Job:
        job, self.damaged_lines = await self._repository.load(self.job_id)
        return job

    async def save(self, summary: JobSummary) -> JobSummary:
        self._check_held()
        revision = summary.revision + 1
        saved = summary.summary().model_copy(update={"revision": revision})
        key = self.files.summary(revision)
        created = await self._storage.create(key, encode_summary(saved))
        if created:
            stored = await self._storage.list(self.files.summaries)
            # That it could be created doesn't tell that nobody went on: older ones are removed.
            base = self.files.summary(summary.revision)
            if [latest.key for latest in stored[-2:]] != [base, key]:
                await self._storage.delete(key)
                created = False
        if not created:
            raise JobChanged(f"job {self.job_id!r}: it isn't at revision {summary.revision}")
        # One older revision stays for those who have just seen it in a list.
        for older in stored[:-2]:
            await self._storage.delete(older.key)
        return saved

    async def record(self, chunks: Sequence[JobChunk]) -> None:
        self._check_held()
        self._parts += 1
        key = self.files.log_part(self._lease.number, self._parts)
        await self._storage.put_bytes(key, encode_chunks(chunks))

    async def wish(self) -> ControlRequest | None:
        self._check_held()
        try:
            return ControlRequest((await self._storage.get_bytes(self.files.wish)).decode())
        except (ArtifactNotFound, ValueError):
            return None

    async def delete(self) -> None:
        self._check_held()
        self._deleted = True
        # Without a summary it is gone for everybody; what a crash leaves behind is only bytes.
        await self._storage.delete_prefix(self.files.summaries)
        await self._storage.delete_prefix(self.files.record)
        await self._storage.delete(self.files.wish)

    async def end(self) -> None:
        """Leave the record tidy and give the lease back."""
        try:
            with suppress(HeliosError):
                if not self._deleted and not self._lease.lost:
                    await self._tidy()
        finally:
            with suppress(HeliosError):
                await self._lease.release()
                if self._deleted:
                    await self._storage.delete_prefix(self.files.claims)

    async def _tidy(self) -> None:
        for older in (await self._storage.list(self.files.summaries))[:-1]:
            await self._storage.delete(older.key)
        parts = await self._storage.list(self.files.log)
        if len(parts) <= MOST_PARTS:
            return
        data = [await self._storage.get_bytes(part.key) for part in parts]
        chunks, _ = decode_chunks(data, source=self._storage.url_of(self.files.log))
        await self.record(list(chunks.values()))
        for part in parts:
            await self._storage.delete(part.key)

    def _check_held(self) -> None:
        if self._lease.lost or self._deleted:
            raise JobChanged(f"job {self.job_id!r}: the claim on it is over")
