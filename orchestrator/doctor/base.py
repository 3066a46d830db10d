"""Findings of a checkup."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from helios.errors import AccessDenied, HeliosError, WorkerThrottled, WorkerUnavailable
from orchestrator.adapters.base import WorkerAdapter


class Health(StrEnum):
    """The result of a check."""

    #: As it should be.
    OK = "ok"
    #: Renders work, but not as well as they could, or a feature doesn't.
    NOTICE = "notice"
    #: Renders will fail.
    PROBLEM = "problem"
    #: The check wasn't possible.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    health: Health
    message: str
    #: How to fix it; empty if no fix is needed.
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRender:
    """The render that quotas are compared with."""

    #: Chunks at the same time.
    concurrency: int
    chunks: int


#: What is looked at, and how.
Check = tuple[str, Callable[[], Awaitable[Finding]]]
#: Calls a worker: a function by its name, a service by its URL.
MakeAdapter = Callable[[str], WorkerAdapter]


async def look_at(checks: Iterable[Check], *, to_be_allowed: str) -> AsyncIterator[Finding]:
    """Yield what each check finds; what can't be looked at is unknown.

    `to_be_allowed` is the fix for a check that the credentials aren't allowed to make.
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


def missing_permissions(denied: Iterable[tuple[str, str]], *, fix: str) -> Finding:
    """Return permissions that are missing as what was found.

    Args:
        denied: Pairs of the only feature that needs a permission, empty if every render does, and
            the permission.
    """
    by_feature: dict[str, dict[str, None]] = {}
    for feature, permission in denied:
        by_feature.setdefault(feature, {})[permission] = None
    needed = by_feature.pop("", None)
    said = [f"not allowed: {', '.join(needed)}"] if needed else []
    said += [f"{feature} won't work without {', '.join(p)}" for feature, p in by_feature.items()]
    health = Health.PROBLEM if needed else Health.NOTICE
    return Finding("permissions", health, "; ".join(said), fix)


def problem(what: str, fault: HeliosError) -> Finding:
    """Return an error as what was found."""
    return Finding(what, Health.PROBLEM, fault.message, fault.hint)
