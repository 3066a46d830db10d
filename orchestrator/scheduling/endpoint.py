"""One function or service that runs jobs: its concurrency, its pauses after faults."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from helios.contract.error_record import ErrorRecord
from helios.contract.worker_job import WorkerJob
from helios.errors import (
    AccessDenied,
    CallerRejected,
    OptionInvalid,
    SourceForbidden,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.scheduling.concurrency_limit import AdaptiveConcurrencyLimit

#: Seconds without new jobs after an endpoint refused one; doubled until it takes one again.
FIRST_PAUSE = 0.5
MAX_PAUSE = 30.0
#: Pauses in a row after which an endpoint that can't be reached gets one job at a time, as a probe.
OPEN_AFTER = 3
#: Seconds without jobs for an endpoint that denies access or doesn't exist, which rarely changes.
BARRED_PAUSE = 60.0
#: Share of a pause that is left to chance, so that several clients don't come back together.
PAUSE_JITTER = 0.5
# 2 to the power of this many doublings is beyond any pause.
_MAX_DOUBLINGS = 30

#: Faults by which an endpoint says that it isn't the right one for any job.
DENIALS = frozenset(
    {AccessDenied.code, CallerRejected.code, SourceForbidden.code, WorkerNotFound.code}
)
#: Faults of an endpoint, not of the job that it was given.
ENDPOINT_FAULTS = DENIALS | {WorkerThrottled.code, WorkerUnavailable.code}


@dataclass(slots=True, kw_only=True, eq=False)
class Endpoint:
    """A function or service that runs jobs, with its load and its last faults.

    An endpoint is given as many jobs at once as its concurrency limit allows, which is halved when
    it throttles. One that takes nothing at all rests, longer each time.
    """

    name: str
    #: Takes jobs there.
    adapter: WorkerAdapter
    #: Its share of the jobs, relative to other endpoints.
    weight: float = 1.0
    #: Maximum number of concurrent jobs.
    most: int = 1_000
    #: URL of the storage that its workers find job specs in; None for the path in each job.
    artifacts: str | None = None
    #: Returns seconds that never go back.
    clock: Callable[[], float] = time.monotonic
    #: Returns numbers from 0 to 1 that spread pauses.
    jitter: Callable[[], float] = field(default=lambda: 1.0)
    running: int = 0
    fault: ErrorRecord | None = None
    #: Known limit of concurrent jobs; unknown by default.
    window: AdaptiveConcurrencyLimit = field(default_factory=AdaptiveConcurrencyLimit)
    _rests_until: float = field(init=False, default=0.0)
    _pauses: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise OptionInvalid(f"{self.name}: its weight {self.weight:g} is not above 0")
        if self.most < 1:
            raise OptionInvalid(f"{self.name}: {self.most} jobs at once is less than 1")

    @property
    def limit(self) -> int:
        """The current limit of concurrent jobs."""
        return 1 if self._is_in_doubt else min(self.most, self.window.limit)

    @property
    def is_barred(self) -> bool:
        """Whether it refuses everything until its configuration changes."""
        return self.fault is not None and self.fault.code in DENIALS and self.rest > 0

    @property
    def _is_in_doubt(self) -> bool:
        """Whether only a job that ends well shows that it works again."""
        if self.fault is None:
            return False
        if self.fault.code == WorkerThrottled.code:
            # It took nothing at all.
            return self._pauses > 0
        return self.fault.code in DENIALS or self._pauses >= OPEN_AFTER

    @property
    def rest(self) -> float:
        """Seconds until it may be given a job again."""
        return max(0.0, self._rests_until - self.clock())

    @property
    def room(self) -> int:
        """Number of jobs that it can take now."""
        return max(0, self.limit - self.running) if self.rest == 0 else 0

    @property
    def has_room(self) -> bool:
        """Whether it may be given a job now."""
        return self.room > 0

    @property
    def load(self) -> float:
        """Its load with one more job, divided by its weight."""
        return (self.running + 1) / self.weight

    def addressed(self, job: WorkerJob) -> WorkerJob:
        """Return a job as it is sent to this endpoint's workers."""
        if self.artifacts is None or job.task is None:
            return job
        # Every storage has a job under the same key.
        key = "/".join(job.task.job_path.split("/")[-3:])
        return replace(job, task=replace(job.task, job_path=f"{self.artifacts}/{key}"))

    def took(self) -> None:
        """Note that a job ran there, however that ended, after it has left."""
        self.fault = None
        self._pauses = 0
        self.window.took(under_way=self.running + 1)

    def refused(self, fault: ErrorRecord, *, turn: int) -> None:
        """Note a fault of the endpoint itself, after the job in question has left it.

        `turn` is the window's when the job was sent.
        """
        self.fault = fault
        if fault.code == WorkerThrottled.code:
            self.window.throttled(turn)
            if self.running:
                # There is room again once one of those ends.
                return
        # Jobs that were running together fail together, which counts as one failure.
        if self.rest == 0 or fault.code in DENIALS:
            self._pauses += 1
            self._rests_until = self.clock() + self._pause(fault)

    def _pause(self, fault: ErrorRecord) -> float:
        if fault.code in DENIALS:
            return BARRED_PAUSE
        bound = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(self._pauses - 1, _MAX_DOUBLINGS))
        return bound * (1 - PAUSE_JITTER * self.jitter())
