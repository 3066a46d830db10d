"""Pausing and cancelling jobs, here or in another process."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from helios.errors import HeliosError, JobBusy, JobStateConflict
from orchestrator.job_repository.base import ControlRequest, JobClaim, JobRepository
from orchestrator.lifecycle.job_run import JobRun
from orchestrator.lifecycle.subscriptions import StateChanged, Subscriber
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_state import JobState

#: States that `pause` and `cancel` change of a job that no process has.
PAUSABLE = frozenset({JobState.PENDING, JobState.RUNNING})
CANCELLABLE = frozenset({JobState.PENDING, JobState.RUNNING, JobState.PAUSED})
#: Seconds after which a request is repeated.
ASK_AGAIN = 1.0
#: Seconds between two looks at a job that another process has.
LOOK_INTERVAL = 0.1


class JobControl:
    """Ends the runs of jobs, whichever process they are in."""

    def __init__(
        self,
        repository: JobRepository,
        runs: Mapping[str, JobRun],
        *,
        now: Callable[[], datetime],
        tell: Subscriber,
    ) -> None:
        self._repository = repository
        self._runs = runs
        self._now = now
        self._tell = tell

    async def end(
        self,
        job_id: str,
        request: ControlRequest,
        state: JobState,
        states: Collection[JobState],
    ) -> JobSummary:
        """End a job's run, and return the job once no process has it any more.

        The process that runs it receives the request; a job that no process has claimed changes to
        `state`, if it is in one of `states`.

        Raises:
            JobStateConflict: It is in another state.
        """
        asked = False
        while True:
            try:
                async with self._repository.claim(job_id) as claim:
                    return await self._change(claim, request, state, states, asked=asked)
            except JobBusy:
                await self._ask(job_id, request)
                asked = True

    async def _change(
        self,
        claim: JobClaim,
        request: ControlRequest,
        state: JobState,
        states: Collection[JobState],
        *,
        asked: bool,
    ) -> JobSummary:
        """Change the state of a claimed job, unless its process did as it was asked."""
        summary = (await load_settled(claim)).summary()
        if asked and summary.state not in states:
            return summary
        if summary.state not in states:
            raise state_conflict(summary, request)
        changed = await claim.save(summary.moved(state, at=self._now()))
        self._tell(summary.id, StateChanged(state))
        return changed

    async def _ask(self, job_id: str, request: ControlRequest) -> None:
        """Ask the process that has a job, and give it some time."""
        run = self._runs.get(job_id)
        if run is not None:
            run.ask(request)
        await self._repository.ask(job_id, request)
        deadline = asyncio.get_running_loop().time() + ASK_AGAIN
        while asyncio.get_running_loop().time() < deadline:
            if await self._repository.holder(job_id) is None:
                return
            await asyncio.sleep(LOOK_INTERVAL)


async def load_settled(claim: JobClaim) -> Job:
    """Return a claimed job, and record what of it was cut short if it was running.

    The process that ran it is gone, or it couldn't have been claimed.
    """
    job = await claim.load()
    if job.state is not JobState.RUNNING:
        return job
    settled = job.interrupted()
    cut = [chunk for chunk in settled.chunks.values() if chunk != job.chunks[chunk.id]]
    if cut:
        # Where this can't be written, neither can what comes next.
        with contextlib.suppress(HeliosError):
            await claim.record(cut)
    return settled


def state_conflict(job: JobSummary, request: str) -> JobStateConflict:
    """Return the error of a request that a job's state doesn't allow."""
    from_state = f"job {job.id} is {job.state}"
    return JobStateConflict(f"{from_state}: it can't {request}", hint=job.next_step)
