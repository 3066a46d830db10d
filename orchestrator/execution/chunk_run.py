"""Renders the chunks of a job, as many at the same time as allowed."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from helios.contract.job_spec import RenderChunk
from helios.contract.worker_job import Artifact, ErrorRecord, WorkerResult
from helios.errors import JobFailed, JobPaused, JobStopped
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.model.chunk_progress import ChunkFrames, JobFrames
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    ChunkStopped,
    Event,
)
from orchestrator.model.failure import Failure, hint_of
from orchestrator.planning.selection import Selection
from orchestrator.scheduling.failure_threshold import FailureThreshold
from orchestrator.scheduling.retry import Attempts
from orchestrator.scheduling.worker_jobs import WorkerJobs, hand_over


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """How a chunk came to be: after how many attempts, in how many seconds (the last attempt)."""

    chunk_id: int
    attempts: int
    duration: float
    artifact: Artifact | None = None


class ChunkRun:
    """Renders the selected chunks: a few takers, each with one chunk at a time."""

    def __init__(
        self,
        adapter: WorkerAdapter,
        selection: Selection,
        *,
        worker_jobs: WorkerJobs,
        attempts: Attempts,
        on_progress: Callable[[int, int], None] | None,
        on_event: Callable[[Event], None] | None,
        pause: asyncio.Event | None = None,
    ) -> None:
        self.attempts = attempts
        self.outcomes: list[ChunkOutcome] = []
        self._adapter = adapter
        self._selection = selection
        self._worker_jobs = worker_jobs
        self._on_progress = on_progress
        self._on_event = on_event
        self._frames = JobFrames(done=selection.frames_done, total=selection.frames_total)
        self._pause = pause or asyncio.Event()
        self._failures: list[Failure] = []
        self._breaker = FailureThreshold()
        self._stop_reason: JobStopped | None = None

    async def run(self, concurrency: int) -> None:
        if self._selection.chunks_done:
            self._report_progress()
        # The takers share one iterator, so that a job of any size needs only so many tasks.
        queue = iter(self._selection.chunks)
        takers = min(concurrency, len(self._selection.chunks))
        pausing = asyncio.create_task(self._stop_when_paused())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(takers):
                    group.create_task(self._take_from(queue))
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        finally:
            pausing.cancel()
        if self._stop_reason is not None:
            raise self._stop_reason
        if self._breaker.is_open:
            done = self._selection.chunks_done + len(self.outcomes)
            raise self._breaker.reason(done=done, total=self._total)
        if self._failures:
            done = self._selection.chunks_done + len(self.outcomes)
            raise JobFailed(
                f"{len(self._failures)} of {self._total} chunks failed, {done} are done",
                hint=hint_of(self._failures),
                details=[str(failure) for failure in self._failures],
                retryable=any(failure.error.retryable for failure in self._failures),
            )
        if self._pause.is_set():
            done = self._selection.chunks_done + len(self.outcomes)
            raise JobPaused(f"the job was paused: {done} of {self._total} chunks are done")

    async def _stop_when_paused(self) -> None:
        await self._pause.wait()
        self.attempts.stopped.set()

    @property
    def _total(self) -> int:
        return self._selection.chunks_done + len(self._selection.chunks)

    async def _take_from(self, queue: Iterator[RenderChunk]) -> None:
        for chunk in queue:
            if self.attempts.stopped.is_set() or self._pause.is_set():
                return
            await self._render(chunk)
            # An adapter that answers at once would otherwise keep everyone else waiting.
            await asyncio.sleep(0)

    async def _render(self, chunk: RenderChunk) -> None:
        frames = ChunkFrames(chunk, job_frames=self._frames, emit=self._emit)
        latest = 1

        async def attempt_once(attempt: int) -> WorkerResult:
            nonlocal latest
            latest = attempt
            frames.restart()
            self._emit(ChunkStarted(chunk.id, attempt))
            on_output = frames.on_output if self._on_event else None
            job = self._worker_jobs.chunk(chunk, attempt)
            result = await hand_over(self._adapter, job, on_output=on_output)
            self._watch_failures(chunk, attempt, result)
            return result

        def before_retry(attempt: int, delay: float, error: ErrorRecord) -> None:
            self._emit(ChunkRetrying(chunk.id, attempt, delay, error))

        try:
            attempts, result = await self.attempts.run(attempt_once, before_retry=before_retry)
        except JobStopped as reason:
            self._stop_reason = self._stop_reason or reason
            self.attempts.stopped.set()
            frames.restart()
            self._emit(ChunkStopped(chunk.id, latest))
            return
        error = result.failure
        if error is not None:
            frames.restart()
            halted = self._stop_reason is not None or self._pause.is_set() or self._breaker.is_open
            if halted and self.attempts.has_another(attempts, error):
                self._emit(ChunkStopped(chunk.id, attempts))
                return
            self.attempts.stopped.set()
            failure = Failure(f"chunk {chunk.id}", attempts, error, result.stderr)
            self._failures.append(failure)
            self._emit(ChunkFailed(chunk.id, attempts, error))
            return
        duration = result.duration_ms / 1000
        self.outcomes.append(ChunkOutcome(chunk.id, attempts, duration, result.artifact))
        frames.advance(chunk.frame_count)
        self._emit(ChunkFinished(chunk.id, attempts, duration))
        self._report_progress()

    def _watch_failures(self, chunk: RenderChunk, attempt: int, result: WorkerResult) -> None:
        error = result.failure
        failed = None
        if error is not None:
            failed = Failure(f"chunk {chunk.id}", attempt, error, result.stderr)
        self._breaker.note(failed)
        if self._breaker.is_open:
            self.attempts.stopped.set()

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self._selection.chunks_done + len(self.outcomes), self._total)
