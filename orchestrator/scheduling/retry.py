"""Trying again: how often, after which delay, and until when."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helios.contract.error_record import ErrorRecord
from helios.errors import OptionInvalid
from orchestrator.model.settings import MAX_RETRY_DELAY, RETRIES, RETRY_DELAY

# 2 to the power of this many doublings is beyond any delay.
_MAX_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number and delays of retries.

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
        """Return the seconds to wait after an attempt, counted from 1.

        `fraction` places them between 0 and the bound.
        """
        bound = self.delay * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS)
        return fraction * min(self.max_delay, bound)


class Attempts:
    """Decides whether something that failed is tried again, and waits until then.

    Once `stopped` is set, nothing is tried again.
    """

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

    async def has_next(
        self,
        attempt: int,
        error: ErrorRecord,
        *,
        before_retry: Callable[[float], None],
    ) -> bool:
        """Wait until an attempt that failed is followed by another; False if none follows.

        `before_retry` is called with the seconds until the next attempt.
        """
        if self.stopped.is_set() or not self.allows_another(attempt, error):
            return False
        delay = self._policy.delay_after(attempt, self._jitter())
        before_retry(delay)
        await self._wait(delay)
        return not self.stopped.is_set()

    def allows_another(self, attempt: int, error: ErrorRecord) -> bool:
        """Tell whether another attempt follows one that failed so, unless all are stopped."""
        return error.retryable and attempt <= self._policy.retries

    async def _wait(self, delay: float) -> None:
        pause = asyncio.ensure_future(self._sleep(delay))
        stop = asyncio.ensure_future(self.stopped.wait())
        try:
            await asyncio.wait([pause, stop], return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            stop.cancel()
