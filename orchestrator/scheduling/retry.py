"""Trying again: how often, after which delay, and until when."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helios.contract.worker_job import ErrorRecord, WorkerResult
from helios.errors import OptionInvalid

#: Further tries after the first one failed.
RETRIES = 2
#: Seconds before the first further try, at most; doubles with each.
RETRY_DELAY = 1.0
#: Seconds that no delay exceeds.
MAX_RETRY_DELAY = 60.0
# 2 to the power of this many doublings is beyond any delay.
_MAX_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how many seconds, what failed is tried again.

    The delay is random between 0 and a bound that doubles with each attempt ("full jitter"), so
    that workers which failed together don't come back together.
    """

    retries: int = RETRIES
    delay: float = RETRY_DELAY
    max_delay: float = MAX_RETRY_DELAY

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise OptionInvalid(f"retries: {self.retries} is negative")
        if not self.delay >= 0 or not self.max_delay >= 0:
            raise OptionInvalid(f"retry delay: {self.delay} s, at most {self.max_delay} s")

    def delay_after(self, attempt: int, fraction: float) -> float:
        """Return the seconds to wait after an attempt.

        Parameters
        ----------
        attempt:
            The attempt that failed, counted from 1.
        fraction:
            Where to land between 0 and the bound, from 0 to 1.
        """
        bound = self.delay * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        return fraction * min(self.max_delay, bound)


class Attempts:
    """Tries things until they succeed, fail for good, or nobody wants them any more."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        jitter: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._policy = policy
        self._jitter = jitter
        self._sleep = sleep
        self.stopped = asyncio.Event()

    async def run(
        self,
        attempt_once: Callable[[int], Awaitable[WorkerResult]],
        *,
        before_retry: Callable[[int, float, ErrorRecord], None],
    ) -> tuple[int, WorkerResult]:
        """Return the last attempt's number and result, whether good or bad."""
        attempt = 1
        while True:
            result = await attempt_once(attempt)
            error = result.failure
            if error is None or not self.has_another(attempt, error):
                return attempt, result
            delay = self._policy.delay_after(attempt, self._jitter())
            if self.stopped.is_set():
                return attempt, result
            before_retry(attempt, delay, error)
            await self._pause(delay)
            if self.stopped.is_set():
                return attempt, result
            attempt += 1

    def has_another(self, attempt: int, error: ErrorRecord) -> bool:
        """Tell whether another attempt follows one that failed so, unless all are stopped."""
        return error.retryable and attempt <= self._policy.retries

    async def _pause(self, delay: float) -> None:
        pause = asyncio.ensure_future(self._sleep(delay))
        stop = asyncio.ensure_future(self.stopped.wait())
        try:
            await asyncio.wait([pause, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            stop.cancel()
