"""Hooks by which a run of a job is paused, recorded and followed."""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from helios.contract.worker_job import WorkerJob, WorkerResult
from orchestrator.model.events import Event

Listener = Callable[[Event], None]
#: Returns a context for the time of an attempt; its result is passed to what the context yields.
AttemptRecorder = Callable[[WorkerJob], AbstractContextManager[Callable[[WorkerResult], None]]]


def _nothing(_: object) -> None:
    """Ignore an event."""


def unrecorded(_: WorkerJob) -> AbstractContextManager[Callable[[WorkerResult], None]]:
    """Record nothing of an attempt."""
    return contextlib.nullcontext(_nothing)


@dataclass(frozen=True, kw_only=True)
class RunHooks:
    """Hooks of a run; by default they have no effect."""

    #: When set, no chunk is started.
    pause: asyncio.Event = field(default_factory=asyncio.Event)
    #: Records each attempt at a chunk.
    record: AttemptRecorder = unrecorded
    #: Called with every event.
    on_event: Listener = _nothing
    #: Called once, before any rendering, with the ids of existing chunks.
    on_reused: Callable[[Collection[int]], None] = _nothing


def to_all(*listeners: Listener) -> Listener:
    """Return a listener that passes each event to several others."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
