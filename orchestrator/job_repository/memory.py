"""Jobs that live as long as their process."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from helios.contract.job_spec import JobSpec
from helios.errors import JobBusy, JobChanged, JobExists
from orchestrator.job_repository.base import (
    ControlRequest,
    JobClaim,
    JobRepository,
    Listing,
    not_found,
)
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState


class MemoryJobRepository(JobRepository):
    """Keeps jobs in memory: for tests, and if no record can be written."""

    def __init__(self) -> None:
        self._summaries: dict[str, JobSummary] = {}
        self._specs: dict[str, JobSpec] = {}
        self._chunks: dict[str, dict[int, JobChunk]] = {}
        self._claims: dict[str, JobClaim] = {}
        self._requests: dict[str, ControlRequest] = {}

    async def create(self, job: Job) -> None:
        job_id = check_job_id(job.id)
        if job_id in self._specs:
            raise JobExists(f"job {job_id!r}: there is one with this id already")
        self._specs[job_id] = job.spec
        self._summaries[job_id] = job.summary()
        self._chunks[job_id] = dict(job.chunks)

    async def get(self, job_id: str) -> Job:
        summary = await self.summary(job_id)
        return Job.of(summary, spec=self._specs[job_id], chunks=self._chunks[job_id])

    async def summary(self, job_id: str) -> JobSummary:
        self._check_kept(job_id)
        return self._summaries[job_id]

    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        chosen = [s for s in self._summaries.values() if states is None or s.state in states]
        chosen.sort(key=lambda summary: (summary.created_at, summary.id), reverse=True)
        return Listing(chosen[:limit])

    @asynccontextmanager
    async def claim(self, job_id: str) -> AsyncIterator[JobClaim]:
        self._check_kept(job_id)
        if job_id in self._claims:
            raise JobBusy(f"job {job_id!r}: this process holds it")
        claim = self._claims[job_id] = _MemoryClaim(job_id, self)
        self._requests.pop(job_id, None)
        try:
            yield claim
        finally:
            if self._claims.get(job_id) is claim:
                del self._claims[job_id]

    async def holder(self, job_id: str) -> str | None:
        self._check_kept(job_id)
        return "this process" if job_id in self._claims else None

    async def ask(self, job_id: str, request: ControlRequest) -> None:
        self._check_kept(job_id)
        self._requests[job_id] = request

    def _check_kept(self, job_id: str) -> None:
        if check_job_id(job_id) not in self._specs:
            raise not_found(job_id, where="memory")


class _MemoryClaim(JobClaim):
    request_interval = 0.01
    record_interval = 0.0

    def __init__(self, job_id: str, repository: MemoryJobRepository) -> None:
        super().__init__(job_id)
        self._kept = repository

    async def load(self) -> Job:
        return await self._kept.get(self.job_id)

    async def save(self, summary: JobSummary) -> JobSummary:
        self._check_held()
        if summary.revision != self._kept._summaries[self.job_id].revision:
            raise JobChanged(f"job {self.job_id!r}: it isn't at revision {summary.revision}")
        saved = summary.summary().model_copy(update={"revision": summary.revision + 1})
        self._kept._summaries[self.job_id] = saved
        return saved

    async def record(self, chunks: Sequence[JobChunk]) -> None:
        self._check_held()
        self._kept._chunks[self.job_id].update({chunk.id: chunk for chunk in chunks})

    async def request(self) -> ControlRequest | None:
        self._check_held()
        return self._kept._requests.get(self.job_id)

    async def delete(self) -> None:
        self._check_held()
        kept = self._kept
        del kept._specs[self.job_id], kept._summaries[self.job_id], kept._chunks[self.job_id]
        kept._requests.pop(self.job_id, None)
        del kept._claims[self.job_id]

    def _check_held(self) -> None:
        if self._kept._claims.get(self.job_id) is not self:
            raise JobChanged(f"job {self.job_id!r}: the claim on it is over")
