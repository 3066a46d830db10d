"""The life cycle of jobs: created, run, paused, resumed, cancelled, deleted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime

from helios.contract.job_spec import JobSpec
from helios.errors import HeliosError, JobBusy, JobChanged, JobNotFound
from orchestrator.backends.base import Backend
from orchestrator.backends.opening import open_backend
from orchestrator.job_repository.base import ControlRequest, JobRepository
from orchestrator.lifecycle.job_control import (
    CANCELLABLE,
    PAUSABLE,
    JobControl,
    load_settled,
    state_conflict,
)
from orchestrator.lifecycle.job_run import JobRun
from orchestrator.lifecycle.subscriptions import JobEvent, StateChanged, Subscriber, Subscriptions
from orchestrator.lifecycle.webhooks import Webhooks, follow_progress
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_state import JobState
from orchestrator.model.location import JobLocation
from orchestrator.model.settings import RunSettings

#: States from which `run` and `resume` begin a run.
RUNNABLE = frozenset({JobState.PENDING})
RESUMABLE = frozenset({JobState.PENDING, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED})
SettingsChange = Callable[[RunSettings], RunSettings]


class JobManager:
    """Runs jobs, and records them in a repository.

    Several managers, of this process and others, may share a repository: a job is claimed by one of
    them at a time. A job whose process died stays in state running without a claim; `resume` goes
    on with it. Every method raises `JobNotFound` for a job that isn't kept.

    Args:
        repository: Keeps the jobs.
        backend_of: Returns where a job runs; what its location says by default, without a display.
        now: Returns the time, with its zone.
        webhooks: Sends the events of jobs to their receivers; none are sent by default.
    """

    def __init__(
        self,
        repository: JobRepository,
        backend_of: Callable[[Job], Backend] = open_backend,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        webhooks: Webhooks | None = None,
    ) -> None:
        self._repository = repository
        self._backend_of = backend_of
        self._now = now
        self._webhooks = webhooks
        self._subscriptions = Subscriptions()
        self._runs: dict[str, JobRun] = {}
        self._control = JobControl(repository, self._runs, now=now, tell=self._subscriptions.tell)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call a function with the events of all jobs, until the returned function is called."""
        return self._subscriptions.add(subscriber)

    async def create(
        self,
        spec: JobSpec,
        *,
        location: JobLocation,
        settings: RunSettings,
        job_id: str | None = None,
        name: str = "",
    ) -> Job:
        """Record a new job, for `run` or another process to run it.

        Args:
            job_id: Its id; that of the spec by default, else a new one.
            name: Name for people.

        Raises:
            JobExists: There is one with its id.
            OptionInvalid: The id can't name a job.
        """
        job = Job.new(
            spec, location=location, settings=settings, now=self._now(), job_id=job_id, name=name
        )
        await self._repository.create(job)
        self._subscriptions.tell(job.id, StateChanged(job.state))
        return job

    async def run(self, job_id: str, *, keep_chunks: bool = False) -> JobSummary:
        """Run a new job to its end, and return it as it is then.

        Cancelling the calling task ends what runs and leaves the job paused.

        Args:
            keep_chunks: Whether existing chunks of an earlier job count as its own.

        Raises:
            JobBusy: Another process has claimed it.
            JobStateConflict: It isn't new.
            JobPaused, Cancelled: A request paused or cancelled it.
            HeliosError: It failed, or was stopped by a limit.
        """
        async with self._claimed(job_id, RUNNABLE) as run:
            work = run.backend.run(keep_chunks=keep_chunks, hooks=run.hooks)
            return await run.follow(asyncio.create_task(work))

    async def resume(
        self, job_id: str, *, fresh: bool = False, change: SettingsChange | None = None
    ) -> JobSummary:
        """Resume a job that isn't completed, and run it to its end.

        Existing intact chunks aren't rendered again.

        Args:
            fresh: Render all of its chunks again.
            change: Returns the settings that the job is run with from now on, from those that it
                had.

        Raises:
            HeliosError: As `run`.
        """
        async with self._claimed(job_id, RESUMABLE, forget=fresh, change=change) as run:
            work = run.backend.run(keep_chunks=not fresh, hooks=run.hooks)
            return await run.follow(asyncio.create_task(work))

    async def pause(self, job_id: str) -> JobSummary:
        """Pause a job once its running chunks have finished, and return it.

        If another process runs it, that one receives a request. The job may end otherwise before.

        Raises:
            JobStateConflict: It doesn't run and isn't going to.
        """
        return await self._control.end(job_id, ControlRequest.PAUSE, JobState.PAUSED, PAUSABLE)

    async def cancel(self, job_id: str) -> JobSummary:
        """Cancel a job, with its running chunks, and return it.

        Raises:
            JobStateConflict: It has ended already.
        """
        summary = await self._control.end(
            job_id, ControlRequest.CANCEL, JobState.CANCELLED, CANCELLABLE
        )
        await self.notify(job_id)
        return summary

    async def delete(self, job_id: str, *, discard: bool = False) -> None:
        """Delete a job that no process has claimed.

        Args:
            discard: Also remove its chunks, but not a delivered video.

        Raises:
            JobBusy: A process has claimed it.
        """
        async with self._repository.claim(job_id) as claim:
            if discard:
                await self._backend_of(await claim.load()).discard()
            await claim.delete()

    async def notify(self, job_id: str) -> bool:
        """Send the undelivered events of a job; True if none is left.

        An event whose delivery wasn't confirmed is sent again, with the same id.
        """
        if self._webhooks is None:
            return True
        return await self._webhooks.deliver_pending(self._repository, job_id)

    async def undelivered(self) -> Sequence[JobSummary]:
        """Return the jobs with undelivered events, the newest first."""
        return [job for job in (await self._repository.list()).jobs if job.undelivered]

    @contextlib.asynccontextmanager
    async def _claimed(
        self,
        job_id: str,
        states: Collection[JobState],
        *,
        forget: bool = False,
        change: SettingsChange | None = None,
    ) -> AsyncIterator[JobRun]:
        """Claim a job for a run in the context, and send its webhooks afterwards."""
        try:
            async with self._repository.claim(job_id) as claim:
                job = await load_settled(claim)
                if job.state is JobState.RUNNING and JobState.PAUSED in states:
                    job = job.moved(JobState.PAUSED, at=self._now())
                if job.state not in states:
                    raise state_conflict(job, "run")
                if change is not None:
                    job = job.model_copy(update={"settings": change(job.settings)})
                backend = self._backend_of(job)
                if forget:
                    await backend.forget()
                async with follow_progress(self._webhooks, job) as tell_receiver:

                    def tell(event: JobEvent) -> None:
                        self._subscriptions.tell(job_id, event)
                        tell_receiver(event)

                    run = self._runs[job_id] = JobRun(claim, job, backend, now=self._now, tell=tell)
                    try:
                        await run.begin()
                        yield run
                    finally:
                        del self._runs[job_id]
        except (JobBusy, JobChanged, JobNotFound):
            # The process that has claimed the job sends its events.
            raise
        except HeliosError:
            await self.notify(job_id)
            raise
        await self.notify(job_id)
