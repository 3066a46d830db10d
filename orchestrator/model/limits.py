"""Limits of cost and time of a run, which stops before it passes either."""

import asyncio
import bisect
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from helios.errors import CostLimitReached, DeadlineReached, OptionInvalid

_DURATION = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of an invocation of a worker, in US dollars."""

    #: Price of each second, and of each invocation.
    second: float
    invocation: float
    #: Seconds that one may take at most.
    longest: float
    #: Whether an abandoned invocation continues, and is billed.
    goes_on: bool

    def of(self, seconds: float) -> float:
        """Return the price of an invocation by its seconds."""
        return self.invocation + self.second * seconds


class Try:
    """An invocation that runs, or was given up without knowing when it ends."""

    __slots__ = ("began", "given_up", "price")

    def __init__(self, price: Price | None, began: float) -> None:
        self.price = price
        self.began = began
        self.given_up = False


class Limits:
    """Decides whether a chunk may start, by its expected cost and time.

    Args:
        max_cost: US dollars that the job may cost; None for no limit.
        deadline: Seconds that the run may take from now; None for no limit.
        spent: US dollars that the job cost before.
    """

    def __init__(
        self,
        *,
        max_cost: float | None = None,
        deadline: float | None = None,
        spent: float = 0.0,
    ) -> None:
        self._max_cost = max_cost
        self._deadline = deadline
        self._ends: float | None = None
        self._spent = spent
        self._tries: list[Try] = []
        self._seconds: list[float] = []
        self._changed = asyncio.Event()

    def note_spent(self, dollars: float) -> None:
        """Take into account what earlier runs cost."""
        self._spent += dollars

    @property
    def are_set(self) -> bool:
        """Whether there is any limit."""
        return self._max_cost is not None or self._deadline is not None

    @property
    def cost(self) -> float:
        """US dollars that the job cost by now, what runs included."""
        return self._spent + sum(self._cost_by_now(each) for each in self._tries)

    @contextlib.asynccontextmanager
    async def keep_time(self) -> AsyncIterator[None]:
        """End what happens in the context when its time is up.

        A context within another one has the time of that.
        """
        if self._deadline is None or self._ends is not None:
            yield
            return
        self._ends = _now() + self._deadline
        try:
            async with asyncio.timeout_at(self._ends) as timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise self._too_late() from None

    async def begin(self, price: Price | None) -> Try:
        """Start an invocation; `CostLimitReached` or `DeadlineReached` if it would pass a limit.

        Until it is known how long one takes, few begin at once.
        """
        if self._ends is not None and _now() + self._typical > self._ends:
            raise self._too_late()
        if price is not None and self._max_cost is not None:
            while not self._fits(price):
                if self._seconds or not self._tries:
                    raise self._too_dear(price)
                await self._changed.wait()
        begun = Try(price, _now())
        self._tries.append(begun)
        return begun

    def end(self, ended: Try) -> None:
        """Take into account how long an invocation took that has ended."""
        seconds = _now() - ended.began
        if ended.price is not None:
            self._spent += ended.price.of(seconds)
        bisect.insort(self._seconds, seconds)
        self.forget(ended)

    def forget(self, refused: Try) -> None:
        """Forget an invocation that never was."""
        self._tries.remove(refused)
        self._changed.set()
        self._changed = asyncio.Event()

    def give_up(self, left: Try) -> None:
        """Take into account that an invocation was abandoned."""
        if left.price is not None and left.price.goes_on:
            left.given_up = True
            return
        if left.price is not None:
            self._spent += left.price.of(_now() - left.began)
        self.forget(left)

    @property
    def _typical(self) -> float:
        return self._seconds[len(self._seconds) // 2] if self._seconds else 0.0

    def _fits(self, price: Price) -> bool:
        """Tell whether one more invocation leaves the cost below its limit, by all that is known.

        The very first one shows how long they take, whatever the limit.
        """
        assert self._max_cost is not None  # noqa: S101 - who asks has checked
        if not self._seconds and not self._tries:
            return self._spent + price.of(0.0) < self._max_cost
        running = sum(self._cost_in_the_end(each) for each in self._tries)
        return self._spent + running + self._expected(price) <= self._max_cost

    def _expected(self, price: Price) -> float:
        # The longest one so far: on the safe side, as a limit wants it.
        seconds = self._seconds[-1] if self._seconds else price.longest
        return price.of(min(seconds, price.longest))

    def _cost_by_now(self, running: Try) -> float:
        if running.price is None:
            return 0.0
        return running.price.of(min(_now() - running.began, running.price.longest))

    def _cost_in_the_end(self, running: Try) -> float:
        if running.price is None:
            return 0.0
        return max(self._cost_by_now(running), self._expected(running.price))

    def _too_dear(self, price: Price) -> CostLimitReached:
        return CostLimitReached(
            f"the job cost ${self.cost:.4f} by now, and the next chunk costs about"
            f" ${self._expected(price):.4f}: ${self._max_cost:g} don't suffice",
            hint="Going on takes a higher `max_cost`.",
        )

    def _too_late(self) -> DeadlineReached:
        return DeadlineReached(
            f"what is missing isn't done within {self._deadline:g} s, and finished chunks are kept",
            hint="Going on takes more time: `deadline`.",
        )


def _now() -> float:
    return asyncio.get_running_loop().time()


def parse_duration(duration: float | str, setting: str = "deadline") -> float:
    """Return the seconds of a number or a text: `90`, `90s`, `30m`, `1h30m`; refuse all else.

    The error names `setting`.
    """
    seconds = _seconds(duration) if isinstance(duration, str) else duration
    if not 0 < seconds < float("inf"):
        raise OptionInvalid(
            f"`{setting}` {duration}: is no duration above 0", hint="Such as 90s, 30m or 1h30m."
        )
    return seconds


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    parts = {} if found is None else found.groupdict(default="0")
    units = (("h", 3600), ("m", 60), ("s", 1))
    return sum(float(parts.get(unit, 0)) * length for unit, length in units)
