"""Renders the chunks of a job, as many at the same time as allowed."""

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import RenderChunk
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError, JobFailed, JobPaused, JobStopped
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.execution.run_hooks import AttemptRecorder
from orchestrator.model.chunk_progress import ChunkFrames, JobFrames
from orchestrator.model.events import (
    BackupStarted,
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    ChunkStopped,
    Event,
)
from orchestrator.model.failure import Failure, hint_of
from orchestrator.model.settings import RunSettings
from orchestrator.planning.selection import Selection
from orchestrator.scheduling.failure_threshold import FailureThreshold
from orchestrator.scheduling.hedging import Hedging
from orchestrator.scheduling.retry import Attempts
from orchestrator.scheduling.straggler_rule import StragglerRule
from orchestrator.scheduling.worker_jobs import WorkerJobs, time_limit


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """The outcome of a chunk: attempts, and the seconds of the last one."""

    chunk_id: int
    attempts: int
    duration: float
    artifact: Artifact | None = None


class ChunkRun:
    """Renders the selected chunks, so many at the same time, each until it is done or fails."""

    def __init__(
        self,
        adapter: WorkerAdapter,
        selection: Selection,
        *,
        settings: RunSettings,
        worker_jobs: WorkerJobs,
        attempts: Attempts,
        record: AttemptRecorder,
        hedged: bool,
        on_progress: Callable[[int, int], None] | None,
        on_event: Callable[[Event], None] | None,
        pause: asyncio.Event | None = None,
    ) -> None:
        self.outcomes: list[ChunkOutcome] = []
        self._adapter = adapter
        self._selection = selection
        self._concurrency = settings.concurrency
        self._worker_jobs = worker_jobs
        self._attempts = attempts
        self._record = record
        self._on_progress = on_progress
        self._on_event = on_event
        self._frames = JobFrames(done=selection.frames_done, total=selection.frames_total)
        self._pause = pause or asyncio.Event()
        self._failures: list[Failure] = []
        self._threshold = FailureThreshold()
        self._stop_reason: JobStopped | None = None
        self._hedging: Hedging | None = None
        if hedged:
            self._hedging = Hedging(
                adapter,
                StragglerRule(len(selection.chunks)),
                at_once=settings.concurrency,
                attempt=self._attempt,
                on_backup=self._emit_backup,
            )

    async def run(self) -> None:
        """Render the chunks."""
        if self._selection.chunks_done:
            self._report_progress()
        pausing = asyncio.create_task(self._stop_when_paused())
        waiting = iter(self._selection.chunks)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(self._selection.chunks))):
                    group.create_task(self._render(waiting))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            pausing.cancel()
        self._raise_what_stopped_it()

    async def _render(self, waiting: Iterator[RenderChunk]) -> None:
        """Render one chunk after another until none is left, each again if that may help."""
        for chunk in waiting:
            if self._attempts.stopped.is_set() or self._pause.is_set():
                return
            frames = ChunkFrames(chunk, job_frames=self._frames, emit=self._emit)
            on_output = frames.on_output if self._on_event else None
            for attempt in itertools.count(1):
                frames.restart()
                self._emit(ChunkStarted(chunk.id, attempt))
                job = self._worker_jobs.chunk(chunk, attempt)
                try:
                    attempting = self._attempt(job, on_output)
                    if self._hedging is None:
                        result = await attempting
                    else:
                        first = asyncio.create_task(attempting)
                        result = await self._hedging.result(job, chunk.id, first)
                except JobStopped as reason:
                    self._stop_reason = self._stop_reason or reason
                    self._attempts.stopped.set()
                    frames.restart()
                    self._emit(ChunkStopped(chunk.id, attempt))
                    return
                except HeliosError as fault:
                    result = WorkerResult.of_error(fault)
                error = result.failure
                self._watch_failures(chunk, attempt, result)
                if error is None:
                    self._note_success(chunk, attempt, result, frames)
                    break
                retrying = functools.partial(self._emit_retry, chunk, attempt, error)
                if not await self._attempts.has_next(attempt, error, before_retry=retrying):
                    frames.restart()
                    failure = Failure(f"chunk {chunk.id}", attempt, error, result.stderr)
                    self._note_failure(failure, chunk)
                    break

    async def _attempt(
        self, job: WorkerJob, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        with self._record(job) as end:
            async with time_limit(self._adapter, job):
                result = await self._adapter.execute(job, on_output=on_output)
            end(result)
        return result

    def _note_success(
        self, chunk: RenderChunk, attempts: int, result: WorkerResult, frames: ChunkFrames
    ) -> None:
        duration = result.duration_ms / 1000
        self.outcomes.append(ChunkOutcome(chunk.id, attempts, duration, result.artifact))
        frames.advance(chunk.frame_count)
        limits = (result.time_limit, self._worker_jobs.timeout)
        limit = min(filter(None, limits), default=None)
        self._emit(ChunkFinished(chunk.id, attempts, duration, limit))
        self._report_progress()

    def _note_failure(self, failure: Failure, chunk: RenderChunk) -> None:
        """Fail the job, unless it was stopped before the chunk could be tried again."""
        halted = self._stop_reason is not None or self._pause.is_set() or self._threshold.is_open
        if halted and self._attempts.allows_another(failure.attempts, failure.error):
            self._emit(ChunkStopped(chunk.id, failure.attempts))
            return
        self._attempts.stopped.set()
        self._failures.append(failure)
        self._emit(ChunkFailed(chunk.id, failure.attempts, failure.error))

    def _watch_failures(self, chunk: RenderChunk, attempt: int, result: WorkerResult) -> None:
        error = result.failure
        failed = None
        if error is not None:
            failed = Failure(f"chunk {chunk.id}", attempt, error, result.stderr)
        self._threshold.note(failed)
        if self._threshold.is_open:
            self._attempts.stopped.set()

    async def _stop_when_paused(self) -> None:
        await self._pause.wait()
        self._attempts.stopped.set()

    def _raise_what_stopped_it(self) -> None:
        total = self._selection.chunks_done + len(self._selection.chunks)
        done = self._selection.chunks_done + len(self.outcomes)
        if self._stop_reason is not None:
            raise self._stop_reason
        if self._threshold.is_open:
            raise self._threshold.reason(done=done, total=total)
        if self._failures:
            raise JobFailed(
                f"{len(self._failures)} of {total} chunks failed, {done} are done",
                hint=hint_of(self._failures),
                details=[str(failure) for failure in self._failures],
                retryable=any(failure.error.retryable for failure in self._failures),
            )
        if self._pause.is_set():
            raise JobPaused(f"the job was paused: {done} of {total} chunks are done")

    def _emit_retry(
        self, chunk: RenderChunk, attempt: int, error: ErrorRecord, delay: float
    ) -> None:
        self._emit(ChunkRetrying(chunk.id, attempt, delay, error))

    def _emit_backup(self, job: WorkerJob, seconds: float) -> None:
        if job.task is not None and job.task.chunk_id is not None:
            self._emit(BackupStarted(job.task.chunk_id, job.task.attempt, seconds))

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            done = self._selection.chunks_done + len(self.outcomes)
            self._on_progress(done, self._selection.chunks_done + len(self._selection.chunks))
