"""Displays of the API: they pass events to a caller's function, or note them for the result."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from helios.contract.job_spec import JobSpec
from helios.contract.render_warning import RenderWarning
from orchestrator.display.display import Display
from orchestrator.model.events import Event, SeamsCompared


@dataclass(frozen=True, slots=True)
class Notice:
    """A milestone beside the events of chunks: `planned`, `job`, `uploaded`, `completed`, ...

    Attributes
    ----------
    kind:
        The kind of milestone.
    message:
        A sentence for people.
    facts:
        The values for programs.
    """

    kind: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


#: The argument of a caller's `on_event`.
ProgressEvent = Event | Notice
OnEvent = Callable[[ProgressEvent], object]


class EventDisplay(Display):
    """Calls a function with every event and every milestone.

    Parameters
    ----------
    on_event:
        Called in the thread that renders; an exception that it raises ends the render.
    """

    def __init__(self, on_event: OnEvent | None) -> None:
        super().__init__()
        self._on_event = on_event

    def note(self, kind: str, text: str, **facts: Any) -> None:
        if self._on_event is not None:
            self._on_event(Notice(kind, text, facts))

    def answer(self, kind: str, text: str, **facts: Any) -> None:
        self.note(kind, text, **facts)

    def show(self, event: Event) -> None:
        super().show(event)
        if self._on_event is not None:
            self._on_event(event)


class NotingDisplay(Display):
    """Shows on another display, and notes warnings, seams and completion for the result.

    Attributes
    ----------
    warnings:
        Warnings of the render.
    seams:
        The comparison of its seams, once it is made.
    completed:
        The facts of its completion.
    """

    def __init__(self, inner: Display) -> None:
        super().__init__()
        self._inner = inner
        self.warnings: list[RenderWarning] = []
        self.seams: SeamsCompared | None = None
        self.completed: Mapping[str, Any] = {}

    def note(self, kind: str, text: str, **facts: Any) -> None:
        if kind == "completed":
            self.completed = facts
        self._inner.note(kind, text, **facts)

    def warn(self, warning: RenderWarning) -> None:
        self.warnings.append(warning)
        self._inner.warn(warning)

    def answer(self, kind: str, text: str, **facts: Any) -> None:
        self._inner.answer(kind, text, **facts)

    def show(self, event: Event) -> None:
        if isinstance(event, SeamsCompared):
            self.seams = event
        self._inner.show(event)

    @contextlib.contextmanager
    def activity(self, text: str) -> Iterator[None]:
        with self._inner.activity(text):
            yield

    @contextlib.contextmanager
    def job(
        self, spec: JobSpec, *, done: Collection[int] = (), only: Collection[int] | None = None
    ) -> Iterator[None]:
        with self._inner.job(spec, done=done, only=only):
            yield
