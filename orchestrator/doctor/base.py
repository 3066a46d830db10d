"""What a checkup finds."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from helios.errors import AccessDenied, HeliosError, WorkerThrottled, WorkerUnavailable
from orchestrator.adapters.base import WorkerAdapter


class Health(StrEnum):
    """How well something is."""

    #: As it should be.
    OK = "ok"
    #: Renders work, but not as well as they could.
    NOTICE = "notice"
    #: Renders will fail.
    PROBLEM = "problem"
    #: It can't be told.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check:
        What was looked at.
    health:
        How it is.
    message:
        What was found.
    fix:
        What to do about it; empty where nothing is to be done.
    """

    check: str
    health: Health
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRender:
    """The render that quotas are compared with.

    Attributes
    ----------
    concurrency:
        Chunks at the same time.
    chunks:
        Number of chunks.
    """

    concurrency: int
    chunks: int


#: What is looked at, and how.
Check = tuple[str, Callable[[], Awaitable[Finding]]]
#: Calls a worker: a function by its name, a service by its URL.
MakeAdapter = Callable[[str], WorkerAdapter]


async def look_at(checks: Iterable[Check], *, to_be_allowed: str) -> AsyncIterator[Finding]:
    """Yield what each check finds; what can't be looked at is unknown.

    Parameters
    ----------
    to_be_allowed:
        What to do about a check that the credentials may not make.
    """
    for what, check in checks:
        try:
            yield await check()
        except AccessDenied as fault:
            yield Finding(what, Health.UNKNOWN, fault.message, to_be_allowed)
        except (WorkerThrottled, WorkerUnavailable) as fault:
            yield Finding(what, Health.UNKNOWN, fault.message)
        except HeliosError as fault:
            yield problem(what, fault)


def problem(what: str, fault: HeliosError) -> Finding:
    """Return an error as what was found."""
    return Finding(what, Health.PROBLEM, fault.message, fault.hint)
