"""How a run of a job is paused, recorded and followed from outside."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from orchestrator.adapters.base import WorkerAdapter
from orchestrator.model.events import Event

Listener = Callable[[Event], None]


def _nothing(_: object) -> None:
    """Ignore an event."""


def _itself(adapter: WorkerAdapter) -> WorkerAdapter:
    return adapter


@dataclass(frozen=True, kw_only=True)
class RunHooks:
    """What surrounds a run; by default nothing does.

    Attributes
    ----------
    pause:
        Once set, nothing new begins.
    wrap:
        Returns what the chunks' adapter is replaced by, such as one that also records.
    on_event:
        Is called with every event.
    on_reused:
        Is called once, before anything is rendered, with the ids of chunks that are there.
    """

    pause: asyncio.Event = field(default_factory=asyncio.Event)
    wrap: Callable[[WorkerAdapter], WorkerAdapter] = _itself
    on_event: Listener = _nothing
    on_reused: Callable[[Collection[int]], None] = _nothing


def to_all(*listeners: Listener) -> Listener:
    """Return what tells each event to several listeners."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
