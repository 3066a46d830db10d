"""One run of a job by this process, from its claim to its end."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from helios.concurrency import finish_despite_cancel
from helios.contract.error_record import ErrorRecord
from helios.errors import Cancelled, HeliosError, JobChanged, JobPaused, JobStopped
from orchestrator.backends.base import Backend
from orchestrator.execution.run_hooks import RunHooks
from orchestrator.job_repository.base import ControlRequest, JobClaim
from orchestrator.lifecycle.recorder import JobRecorder
from orchestrator.lifecycle.subscriptions import ChunksReused, JobEvent, StateChanged
from orchestrator.model.events import Event
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_state import JobState


class JobRun:
    """Keeps the record of a claimed job's run up to date, and follows requests to end it."""

    def __init__(
        self,
        claim: JobClaim,
        job: Job,
        backend: Backend,
        *,
        now: Callable[[], datetime],
        tell: Callable[[JobEvent], None],
    ) -> None:
        self._claim = claim
        self._job = job
        self.backend = backend
        self._now = now
        self._tell = tell
        self._recorder = JobRecorder(claim, job, now=now, trace_of=backend.chunk_trace)
        self._cancel = asyncio.Event()
        self.hooks = RunHooks(
            record=self._recorder.attempt, on_event=self._on_event, on_reused=self._on_reused
        )

    def ask(self, request: ControlRequest) -> None:
        """End the run: after its running chunks have finished, or at once."""
        (self._cancel if request is ControlRequest.CANCEL else self.hooks.pause).set()

    async def begin(self) -> None:
        """Record that the job runs."""
        await self._save(JobState.RUNNING)

    async def follow(self, work: asyncio.Task[str]) -> JobSummary:
        """Keep the record of the backend's run to its end, and return the job as it is then.

        Raises:
            JobPaused, Cancelled: A request paused or cancelled it.
            JobChanged: Another process took the job over; its record is that one's.
        """
        try:
            output = await self._supervise(work)
        except JobChanged:
            raise
        except BaseException as fault:
            state, error = self._ending(fault)
            await finish_despite_cancel(self._save(state, error=error))
            if state is JobState.CANCELLED:
                raise Cancelled(f"job {self._job.id} was cancelled") from fault
            raise
        summary = await finish_despite_cancel(self._save(JobState.COMPLETED, output=output))
        # Only now nothing needs the chunks any more, whenever this process ends.
        with contextlib.suppress(HeliosError):
            await self.backend.tidy()
        return summary

    async def _supervise(self, work: asyncio.Task[str]) -> str:
        """Write the record while the work runs, and stop the work on request."""
        beside: list[asyncio.Task[Any]] = [
            asyncio.create_task(self._recorder.keep_writing()),
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._cancel.wait()),
        ]
        try:
            await asyncio.wait([work, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*beside, *([] if work.done() else [work])):
                task.cancel()
            await finish_despite_cancel(_ended([work, *beside]))
        if work.cancelled() or isinstance(work.exception(), Cancelled):
            for task in beside:
                # The claim was lost.
                if not task.cancelled() and (fault := task.exception()) is not None:
                    raise fault
        return work.result()

    async def _listen(self) -> None:
        """Follow the requests of other processes."""
        while True:
            await asyncio.sleep(self._claim.request_interval)
            try:
                request = await self._claim.request()
            except JobChanged:
                raise
            except HeliosError:
                # The storage may answer the next time.
                continue
            if request is not None:
                self.ask(request)

    def _ending(self, fault: BaseException) -> tuple[JobState, ErrorRecord | None]:
        """Return the state that a job is in after its run ended so, and why."""
        match fault:
            case JobPaused():
                return JobState.PAUSED, None
            case asyncio.CancelledError() | Cancelled():
                if self._cancel.is_set():
                    return JobState.CANCELLED, None
                return JobState.PAUSED, ErrorRecord.of(Cancelled("stopped; chunks are kept"))
            case JobStopped():
                return JobState.PAUSED, ErrorRecord.of(fault)
            case HeliosError():
                return JobState.FAILED, ErrorRecord.of(fault)
            case _:
                text = f"{type(fault).__name__}: {fault}"
                return JobState.FAILED, ErrorRecord.of(HeliosError(text))

    async def _save(
        self, state: JobState, *, error: ErrorRecord | None = None, output: str | None = None
    ) -> JobSummary:
        def change(summary: JobSummary) -> JobSummary:
            metrics = summary.metrics
            if state is JobState.RUNNING:
                metrics = metrics.model_copy(update={"runs": metrics.runs + 1})
            updated = summary.model_copy(update={"metrics": metrics, "output": output})
            return updated.moved(state, at=self._now(), error=error)

        summary = await self._recorder.finish(change)
        self._tell(StateChanged(state, error))
        return summary

    def _on_event(self, event: Event) -> None:
        self._recorder.on_event(event)
        self._tell(event)

    def _on_reused(self, chunk_ids: Collection[int]) -> None:
        self._recorder.reconcile(chunk_ids)
        self._tell(ChunksReused(chunk_ids))


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)
