"""The claim on a job in object storage."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from helios.errors import ArtifactNotFound, HeliosError, JobChanged
from helios.storage.base import ArtifactStorage
from orchestrator.job_repository.base import ControlRequest, JobClaim
from orchestrator.job_repository.lease import Lease
from orchestrator.job_repository.record_format import decode_chunks, encode_chunks, encode_summary
from orchestrator.job_repository.storage_keys import JobKeys
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk

#: Parts of a chunk log beyond which they are put together at a claim's end.
MOST_PARTS = 8


class StorageClaim(JobClaim):
    """A claim on a job in storage, held by a lease."""

    request_interval = 2.0
    record_interval = 5.0

    def __init__(
        self,
        storage: ArtifactStorage,
        files: JobKeys,
        lease: Lease,
        *,
        load: Callable[[str], Awaitable[tuple[Job, int]]],
    ) -> None:
        super().__init__(files.job_id)
        self.files = files
        self._load = load
        self._storage = storage
        self._lease = lease
        self._parts = 0
        self._deleted = False

    async def load(self) -> Job:
        job, self.damaged_lines = await self._load(self.job_id)
        return job

    async def save(self, summary: JobSummary) -> JobSummary:
        self._check_held()
        revision = summary.revision + 1
        saved = summary.summary().model_copy(update={"revision": revision})
        key = self.files.summary(revision)
        created = await self._storage.create(key, encode_summary(saved))
        if created:
            stored = await self._storage.list(self.files.summaries)
            # It can also be created where a later revision exists: older ones are removed.
            base = self.files.summary(summary.revision)
            if [latest.key for latest in stored[-2:]] != [base, key]:
                await self._storage.delete(key)
                created = False
        if not created:
            raise JobChanged(f"job {self.job_id!r}: it isn't at revision {summary.revision}")
        # One older revision stays for processes that have just listed it.
        for older in stored[:-2]:
            await self._storage.delete(older.key)
        return saved

    async def record(self, chunks: Sequence[JobChunk]) -> None:
        self._check_held()
        self._parts += 1
        key = self.files.log_part(self._lease.number, self._parts)
        await self._storage.put_bytes(key, encode_chunks(chunks))

    async def request(self) -> ControlRequest | None:
        self._check_held()
        try:
            return ControlRequest((await self._storage.get_bytes(self.files.request)).decode())
        except (ArtifactNotFound, ValueError):
            return None

    async def delete(self) -> None:
        self._check_held()
        self._deleted = True
        # Without a summary the job doesn't exist; what a crash leaves behind only takes space.
        await self._storage.delete_prefix(self.files.summaries)
        await self._storage.delete_prefix(self.files.record)
        await self._storage.delete(self.files.request)

    async def end(self) -> None:
        """Compact the record, and release the lease."""
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
