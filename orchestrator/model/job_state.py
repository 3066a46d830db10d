"""The states of a job, and the ways between them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """The state of a job."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: The states that may follow each state; there are no other ways.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.PENDING: frozenset(
            {JobState.RUNNING, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED}
        ),
        JobState.RUNNING: frozenset(
            {JobState.PAUSED, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}
        ),
        JobState.PAUSED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
        JobState.COMPLETED: frozenset(),
        JobState.FAILED: frozenset({JobState.RUNNING}),
        JobState.CANCELLED: frozenset({JobState.RUNNING}),
    }
)
#: States in which nothing more happens by itself, and nothing is waited for.
ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})
