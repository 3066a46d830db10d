"""Events of jobs, and the functions that subscribe to them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from helios.contract.error_record import ErrorRecord
from orchestrator.model.events import Event
from orchestrator.model.job_state import JobState


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A job is in another state; `error` is the reason, unless it was requested."""

    state: JobState
    error: ErrorRecord | None = None


@dataclass(frozen=True, slots=True)
class ChunksReused:
    """A run found these chunks there and whole; they count as done."""

    chunk_ids: Collection[int]


JobEvent = StateChanged | ChunksReused | Event
#: Called with a job's id and an event.
Subscriber = Callable[[str, JobEvent], None]


class Subscriptions:
    """The functions that are called with the events of jobs."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def add(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call a function with everything from now on, until the returned function is called."""
        self._subscribers.append(subscriber)

        def remove() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return remove

    def tell(self, job_id: str, event: JobEvent) -> None:
        """Call all of them with an event."""
        for subscriber in tuple(self._subscribers):
            subscriber(job_id, event)
