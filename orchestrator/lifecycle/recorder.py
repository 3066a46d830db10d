"""Records a run in batches, so that another process can resume it."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from helios.concurrency import finish_despite_cancel
from helios.contract.artifact import Artifact
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError, JobChanged
from helios.records.chunk_trace import ChunkTrace
from orchestrator.job_repository.base import JobClaim
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStopped,
    Event,
    FrameProgress,
    MergeFinished,
    SeamsCompared,
    SeamsHealing,
)
from orchestrator.model.job import Job, JobSummary, SeamCounts
from orchestrator.model.job_chunk import Attempt, ChunkState, JobChunk, log_tail

#: Seconds between two writes of the summary at least.
SUMMARY_INTERVAL = 2.0
# Seconds before further tries of the last write of chunks: there is none afterwards.
_LAST_DELAYS = (0.05, 0.2, 0.5)


class JobRecorder:
    """Keeps a job's record up to date while it runs.

    A record that can't be written now (a full disk, a storage that doesn't answer) is written
    later: rendered chunks are worth more than their record.

    Args:
        job: The job as it is when the run begins.
        trace_of: Returns the trace of a chunk that has ended; None where it is stored elsewhere.

    Attributes:
        summary: The job's summary as it is now.
    """

    def __init__(
        self,
        claim: JobClaim,
        job: Job,
        *,
        now: Callable[[], datetime],
        trace_of: Callable[[int], ChunkTrace | None] = lambda _: None,
    ) -> None:
        only = job.settings.only
        self.summary: JobSummary = job.summary()
        self._claim = claim
        self._now = now
        self._trace_of = trace_of
        self._frames = {
            chunk.id: chunk.frame_count
            for chunk in job.spec.chunks
            if only is None or chunk.id in only
        }
        self._chunks = dict(job.chunks)
        self._unwritten: dict[int, JobChunk] = {}
        self._began = now()
        self._wall_before = job.metrics.wall_ms

    def reconcile(self, there: Collection[int]) -> None:
        """Correct the record by the chunks that exist."""
        for chunk_id in self._frames:
            chunk = self._chunk(chunk_id)
            attempts = [attempt.interrupted() for attempt in chunk.attempts]
            state = ChunkState.DONE if chunk_id in there else ChunkState.WAITING
            artifact = chunk.artifact if chunk_id in there else None
            if (state, attempts) != (chunk.state, chunk.attempts):
                self._set(chunk_id, state=state, attempts=attempts, artifact=artifact)
        reused = [chunk_id for chunk_id in self._frames if chunk_id in there]
        # Counted again: the summary is written less often than the chunks.
        self._update(
            chunks_done=len(reused),
            chunks_failed=0,
            frames_done=sum(self._frames[chunk_id] for chunk_id in reused),
        )
        self._count(reused_chunks=len(reused))

    def on_event(self, event: Event) -> None:
        """Take an event of the run into account."""
        match event:
            case FrameProgress():
                self._update(frames_done=event.frames_done)
            case ChunkFinished():
                self._end(event.chunk_id, ChunkState.DONE)
            case ChunkFailed():
                self._end(event.chunk_id, ChunkState.FAILED)
            case SeamsHealing():
                for chunk_id in event.chunk_ids:
                    self._set(chunk_id, state=ChunkState.WAITING, healed=True)
                self._count(healed_chunks=len(event.chunk_ids))
            case ChunkRetrying() | ChunkStopped():
                self._set(event.chunk_id, state=ChunkState.WAITING)
            case SeamsCompared():
                counts = {name: getattr(event, name) for name in SeamCounts.model_fields}
                self._count(seams=SeamCounts(**counts))
            case MergeFinished():
                began = self._now() - timedelta(seconds=event.duration)
                self._count(merge_started_at=began, merge_ms=event.duration * 1000)
            case _:
                pass

    @contextlib.contextmanager
    def attempt(self, job: WorkerJob) -> Iterator[Callable[[WorkerResult], None]]:
        """Record an attempt at a chunk; its result goes to what the context yields."""
        chunk_id, backup = job.chunk_id, job.task is not None and job.task.backup
        assert chunk_id is not None  # noqa: S101 - a merge has no attempts
        number = len(self._chunk(chunk_id).attempts)
        begun = Attempt(number=number + 1, started_at=self._now(), backup=backup)
        attempts = [*self._chunk(chunk_id).attempts, begun]
        self._set(chunk_id, state=ChunkState.RUNNING, attempts=attempts)
        self._count(
            attempts=self.summary.metrics.attempts + 1,
            backups=self.summary.metrics.backups + backup,
        )

        ended = False

        def end(attempt: Attempt, *, artifact: Artifact | None = None) -> None:
            attempts = list(self._chunk(chunk_id).attempts)
            attempts[number] = attempt
            changes = {"artifact": artifact} if artifact is not None else {}
            self._set(chunk_id, attempts=attempts, **changes)

        def end_with(result: WorkerResult) -> None:
            nonlocal ended
            ended = True
            metrics = self.summary.metrics
            self._count(
                worker_ms=metrics.worker_ms + result.duration_ms,
                failed_attempts=metrics.failed_attempts + (result.failure is not None),
            )
            end(_with_result(begun, result), artifact=result.artifact)

        try:
            yield end_with
        except HeliosError as fault:
            end_with(WorkerResult.of_error(fault))
            raise
        finally:
            if not ended:
                took = max(0.0, (self._now() - begun.started_at).total_seconds() * 1000)
                self._count(worker_ms=self.summary.metrics.worker_ms + took)
                end(begun.model_copy(update={"duration_ms": took}))
                if not any(attempt.runs for attempt in self._chunk(chunk_id).attempts):
                    self._set(chunk_id, state=ChunkState.WAITING)

    async def keep_writing(self) -> None:
        """Write what is new from time to time, until cancelled; a write that has begun is finished.

        Otherwise it would be unknown which revision is the latest, or whether chunks were recorded.
        `JobChanged` says that another process took the job over.
        """
        written = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._claim.record_interval or 0.01)
            try:
                await finish_despite_cancel(self._write_chunks())
                if loop.time() - written >= max(SUMMARY_INTERVAL, self._claim.record_interval):
                    self._update(updated_at=self._now())
                    await finish_despite_cancel(self._write_summary())
                    written = loop.time()
            except JobChanged:
                raise
            except HeliosError:
                continue

    async def finish(self, change: Callable[[JobSummary], JobSummary]) -> JobSummary:
        """Write all that is still unwritten, and the summary as it is after a last change."""
        for delay in (*_LAST_DELAYS, None):
            try:
                await self._write_chunks()
                break
            except JobChanged:
                raise
            except HeliosError:
                if delay is not None:
                    await asyncio.sleep(delay)
        self.summary = change(self.summary)
        await self._write_summary()
        return self.summary

    async def _write_chunks(self) -> None:
        if not self._unwritten:
            return
        batch, self._unwritten = self._unwritten, {}
        try:
            await self._claim.record(list(batch.values()))
        except HeliosError:
            self._unwritten = {**batch, **self._unwritten}
            raise

    async def _write_summary(self) -> None:
        wall = self._wall_before + (self._now() - self._began).total_seconds() * 1000
        self._count(wall_ms=max(self.summary.metrics.wall_ms, wall))
        saved = await self._claim.save(self.summary)
        # What changed while it was written is on top of it.
        self._update(revision=saved.revision)

    def _chunk(self, chunk_id: int) -> JobChunk:
        return self._chunks.get(chunk_id) or JobChunk(id=chunk_id)

    def _end(self, chunk_id: int, state: ChunkState) -> None:
        self._set(chunk_id, state=state, trace=self._trace_of(chunk_id))

    def _set(self, chunk_id: int, **changes: object) -> None:
        before = self._chunk(chunk_id)
        after = before.model_copy(update=changes)
        self._chunks[chunk_id] = self._unwritten[chunk_id] = after
        done = (after.state is ChunkState.DONE) - (before.state is ChunkState.DONE)
        failed = (after.state is ChunkState.FAILED) - (before.state is ChunkState.FAILED)
        if done or failed:
            self._update(
                chunks_done=self.summary.chunks_done + done,
                chunks_failed=self.summary.chunks_failed + failed,
            )

    def _update(self, **changes: object) -> None:
        self.summary = self.summary.model_copy(update=changes)

    def _count(self, **changes: object) -> None:
        self._update(metrics=self.summary.metrics.model_copy(update=changes))


def _with_result(attempt: Attempt, result: WorkerResult) -> Attempt:
    error = result.failure
    return attempt.model_copy(
        update={
            "duration_ms": result.duration_ms,
            "worker": result.worker,
            "error": error,
            "log_tail": log_tail(result.stderr) if error is not None else None,
        }
    )
