"""Stops a job early if so many attempts fail that it can't succeed."""

from collections import Counter, deque

from helios.errors import CircuitOpen, WorkerThrottled
from orchestrator.model.failure import Failure, hint_of

#: Attempts, the latest ones, that are looked at; fewer say nothing.
LATEST = 20
#: Share of them that must have failed: more than where a job with its retries may still succeed.
FAILED_SHARE = 0.75


class FailureThreshold:
    """Watches how attempts end, those that would be made again included.

    Once more than three quarters of the latest attempts failed it is open, and stays so.
    """

    def __init__(self) -> None:
        self._latest: deque[Failure | None] = deque(maxlen=LATEST)
        self._failures: list[Failure] = []

    @property
    def is_open(self) -> bool:
        """Whether the job has to stop."""
        return bool(self._failures)

    def note(self, failure: Failure | None) -> None:
        """Take an attempt into account: its failure, or None if it went well.

        Throttling says that workers are busy, and nothing of whether the job can succeed.
        """
        if failure is not None and failure.error.code == WorkerThrottled.code:
            return
        self._latest.append(failure)
        failures = [each for each in self._latest if each is not None]
        if not self.is_open and len(failures) > FAILED_SHARE * LATEST:
            self._failures = failures

    def reason(self, *, done: int, total: int) -> CircuitOpen:
        """Return why the job was stopped, with one example of each kind of failure."""
        codes = Counter(failure.error.code for failure in self._failures)
        examples = {failure.error.code: failure for failure in self._failures}
        (code, count), *_ = codes.most_common(1)
        return CircuitOpen(
            f"{len(self._failures)} of the last {LATEST} attempts failed, {count} of them with"
            f" {code}: the job was stopped, {done} of {total} chunks are done",
            hint=hint_of(list(examples.values())),
            details=[str(failure) for failure in examples.values()],
        )
