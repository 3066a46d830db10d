"""Jobs spread over several endpoints, each taken by the one with the most room."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from helios.contract.error_record import ErrorRecord
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    EXIT_FAILED,
    EXIT_REFUSED,
    HeliosError,
    JobStopped,
    OptionInvalid,
    WorkerThrottled,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import TakenCallback, WorkerAdapter
from orchestrator.scheduling.endpoint import ENDPOINT_FAULTS, Endpoint
from orchestrator.scheduling.worker_jobs import time_limit

#: Seconds for which a job waits at most while no endpoint takes any.
PATIENCE = 120.0
#: Seconds after which a job that waits looks again for room.
LOOK_AGAIN = 1.0


class LoadBalancer(WorkerAdapter):
    """Gives each job to the endpoint that is the least busy for its weight.

    A job that an endpoint refuses (it throttles, can't be reached, denies access, is gone) goes to
    another one, or waits until there is room again; seen from outside, that is one attempt. What
    fails in a worker is the job's own result.

    Args:
        endpoints: They may be shared with other load balancers.
        job_path: Returns the URL of the jobs' spec in one of the storages, which changes when it
            is healed; None for the path in each job.
        on_result: Called with every job that ran in a worker, and its result.
        patience: Seconds for which a job waits at most while no endpoint takes any.
    """

    queues = True

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        job_path: Callable[[], str] | None = None,
        on_result: Callable[[WorkerJob, WorkerResult], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        if not endpoints:
            raise OptionInvalid("endpoints: there is none to run jobs")
        self.endpoints = tuple(endpoints)
        self._job_path = job_path
        self._on_result = on_result
        self._patience = patience
        self._clock = endpoints[0].clock
        # As long as an endpoint takes jobs now and then, it makes sense to wait.
        self._last_taken = self._clock()
        # Jobs that wait for room, in the order in which they came.
        self._queue: dict[asyncio.Future[None], None] = {}
        self._tell_taken: TakenCallback = lambda _job, _endpoint: None

    def when_taken(self, tell: TakenCallback) -> None:
        self._tell_taken = tell

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job in an endpoint that takes it; what goes wrong is always a result."""
        left = list(self.endpoints)
        since = self._clock()
        avoid = None if job.task is None else job.task.avoid
        while True:
            endpoint = await self._room(left, since=since, avoid=avoid)
            if endpoint is None:
                return _refused(left)
            sent, turn = endpoint.addressed(self._located(job)), endpoint.window.turn
            with self._taken(endpoint, sent):
                try:
                    async with time_limit(endpoint.adapter, sent):
                        result = await endpoint.adapter.execute(sent, on_output=on_output)
                except JobStopped:
                    raise
                except HeliosError as fault:
                    result = WorkerResult.of_error(fault)
            error = result.failure
            if error is None or error.code not in ENDPOINT_FAULTS:
                self._last_taken = self._clock()
                endpoint.took()
                result = replace(result, worker=endpoint.name)
                if self._on_result is not None:
                    self._on_result(job, result)
                return result
            endpoint.refused(error, turn=turn)
            self._tell_taken(job, None)
            if error.code != WorkerThrottled.code:
                left.remove(endpoint)
                self._notify(len(self._queue))
            if not left:
                return replace(result, worker=endpoint.name)

    def _located(self, job: WorkerJob) -> WorkerJob:
        """Return a job with the current URL of its spec."""
        if self._job_path is None or job.task is None:
            return job
        return replace(job, task=replace(job.task, job_path=self._job_path()))

    async def _room(
        self, endpoints: Sequence[Endpoint], *, since: float, avoid: str | None
    ) -> Endpoint | None:
        """Wait for room in one of some endpoints; None once that makes no sense any more.

        The one to `avoid` is taken only if no other one has room.
        """
        while True:
            mended = [endpoint for endpoint in endpoints if not endpoint.is_barred]
            waited = self._clock() - max(since, self._last_taken)
            busy = any(endpoint.running for endpoint in mended)
            if not mended or (waited > self._patience and not busy):
                return None
            free = [endpoint for endpoint in mended if endpoint.has_room]
            if free:
                return min(free, key=lambda endpoint: (endpoint.name == avoid, endpoint.load))
            await self._change(min(endpoint.rest or LOOK_AGAIN for endpoint in mended))

    async def _change(self, seconds: float) -> None:
        """Wait until there may be room, but some seconds at most."""
        turn = asyncio.get_running_loop().create_future()
        self._queue[turn] = None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await turn
        finally:
            del self._queue[turn]

    @contextlib.contextmanager
    def _taken(self, endpoint: Endpoint, job: WorkerJob) -> Iterator[None]:
        """Count a job among those of an endpoint for the time of a context."""
        endpoint.running += 1
        self._tell_taken(job, endpoint.name)
        try:
            yield
        finally:
            endpoint.running -= 1
            self._notify(sum(endpoint.room for endpoint in self.endpoints))

    def _notify(self, count: int) -> None:
        """Wake a number of waiting jobs to choose an endpoint again."""
        for turn in itertools.islice(self._queue, count):
            if not turn.done():
                turn.set_result(None)


def _refused(endpoints: Sequence[Endpoint]) -> WorkerResult:
    """Return the result of a job that none of these endpoints takes."""
    faults = [endpoint.fault for endpoint in endpoints if endpoint.fault is not None]
    error = faults[-1] if faults else ErrorRecord.of(WorkerThrottled("no endpoint takes jobs"))
    return WorkerResult(exit_code=EXIT_FAILED if error.retryable else EXIT_REFUSED, error=error)
