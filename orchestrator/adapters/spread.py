"""Jobs spread over several places, each taken by the one with the most room."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from helios.conversation import OutputCallback
from helios.errors import (
    EXIT_FAILED,
    EXIT_REFUSED,
    OptionInvalid,
    WorkerThrottled,
)
from helios.worker_job import ErrorRecord, WorkerJob, WorkerResult
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.place import PLACE_FAULTS, Place
from orchestrator.worker_jobs import hand_over

#: Seconds for which a job waits at most while no place takes any.
PATIENCE = 120.0
#: Seconds after which who waits looks again: other renders may have made room.
LOOK_AGAIN = 1.0


class SpreadAdapter(WorkerAdapter):
    """Gives each job to the place that is the least busy for its weight.

    What a place refuses (it throttles, can't be reached, denies access, isn't there) goes to
    another one, or waits until there is room again; seen from outside, that is one attempt. What
    fails in a worker is the job's own result.

    Parameters
    ----------
    places:
        At least one.
    patience:
        Seconds for which a job waits at most while no place takes any.
    """

    queues = True

    def __init__(self, places: Sequence[Place], *, patience: float = PATIENCE) -> None:
        if not places:
            raise OptionInvalid("places: there is none to run jobs")
        self.places = tuple(places)
        self._patience = patience
        self._clock = places[0].clock
        # As long as a place takes jobs now and then, it makes sense to wait.
        self._last_taken = self._clock()
        # Those who wait for room, who came first at the front.
        self._queue: dict[asyncio.Future[None], None] = {}
        self._tell_taken: Callable[[WorkerJob, str | None], None] = _nobody

    def when_taken(self, tell: Callable[[WorkerJob, str | None], None]) -> None:
        self._tell_taken = tell

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job in a place that takes it; what goes wrong is always a result."""
        left = list(self.places)
        since = self._clock()
        while True:
            place = await self._room(left, since=since, beside=job.meta.get("beside"))
            if place is None:
                return _refused(left)
            turn = place.window.turn
            result = await self._run(place, job, on_output=on_output)
            error = result.failure
            if error is None or error.code not in PLACE_FAULTS:
                self._last_taken = self._clock()
                place.took()
                return result
            place.refused(error, turn=turn)
            self._tell_taken(job, None)
            if error.code != WorkerThrottled.code:
                left.remove(place)
                self._notify(len(self._queue))
            if not left:
                return result

    async def _room(
        self, places: Sequence[Place], *, since: float, beside: str | None
    ) -> Place | None:
        """Wait for room in one of some places; None once that makes no sense any more.

        What runs beside another try of the same job goes elsewhere, if there is an elsewhere.
        """
        while True:
            mended = [place for place in places if not place.is_barred]
            waited = self._clock() - max(since, self._last_taken)
            busy = any(place.running for place in mended)
            if not mended or (waited > self._patience and not busy):
                return None
            self._say_what_is_wanted()
            free = [place for place in mended if place.has_room]
            if free:
                return min(free, key=lambda place: (place.name == beside, place.load))
            await self._change(min(place.rest or LOOK_AGAIN for place in mended))

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

    async def _run(
        self, place: Place, job: WorkerJob, *, on_output: OutputCallback | None
    ) -> WorkerResult:
        if place.job_path is not None:
            job = replace(job, meta={**job.meta, "jobPath": place.job_path})
        place.running += 1
        self._tell_taken(job, place.name)
        try:
            result = await hand_over(place.adapter, job, on_output=on_output)
            return replace(result, worker=place.name)
        finally:
            place.running -= 1
            self._say_what_is_wanted()
            self._notify(sum(place.room for place in self.places))

    def _say_what_is_wanted(self) -> None:
        for place in self.places:
            place.window.wants(place.running + len(self._queue))

    def _notify(self, count: int) -> None:
        """Let so many of those who wait look again."""
        for turn in itertools.islice(self._queue, count):
            if not turn.done():
                turn.set_result(None)


def _nobody(job: WorkerJob, worker: str | None) -> None:
    """Hear of a job that was taken, and do nothing."""


def _refused(places: Sequence[Place]) -> WorkerResult:
    """Return the result of a job that none of these places takes."""
    faults = [place.fault for place in places if place.fault is not None]
    error = faults[-1] if faults else ErrorRecord.of(WorkerThrottled("no place takes jobs"))
    return WorkerResult(exit_code=EXIT_FAILED if error.retryable else EXIT_REFUSED, error=error)
