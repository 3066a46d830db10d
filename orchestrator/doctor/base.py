"""What a checkup finds."""

from dataclasses import dataclass
from enum import StrEnum


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
