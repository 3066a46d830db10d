"""Hooks by which a run of a job is paused, recorded and followed."""

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
    """Hooks of a run; by default they have no effect.

    Attributes
    ----------
    pause:
        When set, no chunk is started.
    wrap:
        Returns an adapter in place of the chunks' one, such as one that also records.
    on_event:
        Called with every event.
    on_reused:
        Called once, before any rendering, with the ids of existing chunks.
    """

    pause: asyncio.Event = field(default_factory=asyncio.Event)
    wrap: Callable[[WorkerAdapter], WorkerAdapter] = _itself
    on_event: Listener = _nothing
    on_reused: Callable[[Collection[int]], None] = _nothing


def to_all(*listeners: Listener) -> Listener:
    """Return a listener that passes each event to several others."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
