"""A job with a record in a job store, which a client runs with local or remote workers."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helios.errors import JobStateConflict
from orchestrator.api.jobs.async_job import REASON, AsyncJobHandle, ReportDetail
from orchestrator.api.jobs.background import start_in_background
from orchestrator.api.jobs.job_status import JobStatus, output_of
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.manager import manager_of
from orchestrator.api.jobs.snapshot import INTERVAL, AttemptLog, Snapshot
from orchestrator.api.targets.costs import cost_of_job
from orchestrator.backends.completion import hinting_at_resume
from orchestrator.delivery.copy import copy_output
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.delivery.verification import ends_of_artifacts, ends_of_job
from orchestrator.delivery.verification import verify as verify_video
from orchestrator.display.display import Display, SilentDisplay
from orchestrator.model.events import ChunkFinished
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import Attempt, ChunkState, JobChunk
from orchestrator.model.job_state import JobState

if TYPE_CHECKING:
    from helios.stitcher.seam_check import SeamReport
    from orchestrator.cost import Cost
    from orchestrator.job_repository import JobRepository
    from orchestrator.report.report import Report

#: Seconds within which the process that recorded a job has to begin it.
_PATIENCE = 10.0


class RecordedJob(AsyncJobHandle):
    """A job in a job store."""

    def __init__(self, job_id: str, store: JobStore, display: Display | None = None) -> None:
        super().__init__(job_id)
        self._store = store
        self._display = display or SilentDisplay()

    async def record(self) -> Job:
        """Return the job's record."""
        async with self._store.open() as repository:
            return await repository.get(self.id)

    async def status(self) -> JobStatus:
        async with self._store.open() as repository:
            job = await repository.get(self.id)
            return await _status(repository, job)

    async def snapshots(self, *, interval: float = INTERVAL) -> AsyncIterator[Snapshot]:
        known: frozenset[int] | None = None
        waited = 0.0
        async with self._store.open() as repository:
            while True:
                job = await repository.get(self.id)
                status = await _status(repository, job)
                done = frozenset(
                    chunk.id for chunk in job.chunks.values() if chunk.state is ChunkState.DONE
                )
                new = () if known is None else done - known
                finished = [_finished(job.chunks[chunk_id]) for chunk_id in sorted(new)]
                yield Snapshot(status=status, spec=job.spec, done=done, finished=finished)
                known = done
                if not status.is_active:
                    return
                if status.state == "pending" and await repository.holder(self.id) is None:
                    waited += interval
                    if waited > _PATIENCE:
                        return
                await asyncio.sleep(interval)

    async def cancel(self, *, reason: str = REASON) -> JobStatus:  # noqa: ARG002 - records keep none
        async with self._store.open() as repository:
            summary = await manager_of(repository, self._display).cancel(self.id)
            return await _status(repository, summary)

    async def pause(self) -> JobStatus:
        async with self._store.open() as repository:
            manager = manager_of(repository, self._display)
            with self._display.activity(f"waiting until what job {self.id} runs is finished"):
                summary = await manager.pause(self.id)
            return await _status(repository, summary)

    async def run_again(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        async with self._store.open() as repository:
            manager = manager_of(repository, self._display)
            with hinting_at_resume(f"Resume with: {self._store.command('resume', self.id)}"):
                await manager.resume(
                    self.id,
                    fresh=fresh,
                    change=lambda settings: settings.changed(changes),
                )

    async def run_in_background(self, *, fresh: bool, changes: Mapping[str, Any]) -> None:
        async with self._store.open() as repository:
            await start_in_background(
                self.id,
                self._store,
                repository,
                resume=True,
                keep_chunks=not fresh,
                changes=changes,
            )

    async def cost(self) -> "Cost | None":
        async with self._store.open() as repository:
            return await cost_of_job(await repository.summary(self.id))

    async def logs(self, chunk_id: int | None = None) -> Sequence[AttemptLog]:
        job = await self.record()
        chunks = sorted(job.chunks.values(), key=lambda chunk: chunk.id)
        return [
            _log(chunk, attempt)
            for chunk in chunks
            if chunk_id in (None, chunk.id)
            for attempt in chunk.attempts
        ]

    async def report(self, *, detail: ReportDetail = "all") -> "Report":
        from orchestrator.api.jobs.reporting import Sources, report_of_record

        async with self._store.open() as repository, Stores() as stores:
            job = await repository.get(self.id)
            status = await _status(repository, job)
            cost = await self._known_cost() if detail == "all" else None
            sources = Sources(stores=stores, traces=self._traces, detail=detail)
            return await report_of_record(job, status, cost=cost, sources=sources)

    async def fetch(self, destination: Destination) -> JobStatus:
        status = await self.status()
        if status.output is None:
            raise JobStateConflict(f"job {self.id}: there is no video: it is {status.state}")
        images = await asyncio.to_thread(Path(status.output).is_dir)
        destination.check(images=images)
        async with Stores() as stores:
            await copy_output(status.output, destination, stores)
        return status

    async def delete(self, *, chunks: bool = False) -> None:
        async with self._store.open() as repository:
            await manager_of(repository, self._display).delete(self.id, discard=chunks)

    async def verify(self, video: str | os.PathLike[str] | None = None) -> "SeamReport":
        job = await self.record()
        made = os.fspath(video) if video else output_of(job)
        if made is None:
            raise JobStateConflict(f"job {self.id}: there is no video: it is {job.state}")
        artifacts = [chunk.artifact for chunk in job.chunks.values() if chunk.artifact is not None]
        stored = [artifact for artifact in artifacts if "://" in artifact.url]
        async with Stores() as stores:
            if stored:
                ends = await ends_of_artifacts(stored, stores)
            else:
                location = job.location
                ends = await ends_of_job(
                    job.spec, location.job_path, stores, job_dir=location.folder
                )
            return await verify_video(made, job.spec, ends, stores=stores)


async def _status(repository: "JobRepository", job: JobSummary) -> JobStatus:
    interrupted = await repository.is_interrupted(job)
    if interrupted:
        # It may have ended since its record was read: its end is written before its claim ends.
        job = await repository.summary(job.id)
        interrupted = job.state is JobState.RUNNING
    return JobStatus.of_record(job, interrupted=interrupted)


def _finished(chunk: JobChunk) -> ChunkFinished:
    last = next((each for each in reversed(chunk.attempts) if each.error is None), None)
    if last is None:
        return ChunkFinished(chunk.id, 1, 0.0)
    return ChunkFinished(chunk.id, last.number, (last.duration_ms or 0.0) / 1000)


def _log(chunk: JobChunk, attempt: Attempt) -> AttemptLog:
    return AttemptLog(
        chunk_id=chunk.id,
        number=attempt.number,
        started_at=attempt.started_at,
        seconds=None if attempt.duration_ms is None else attempt.duration_ms / 1000,
        worker=attempt.worker or "",
        backup=attempt.backup,
        error=attempt.error,
        text=attempt.log_tail or "",
    )
