"""The display of the API, which passes events to a caller's function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.display.display import Display
from orchestrator.model.events import Event


@dataclass(frozen=True, slots=True)
class Notice:
    """A milestone beside the events of chunks: `planned`, `job`, `uploaded`, `completed`, ...

    Attributes:
        kind: The kind of milestone.
        message: A sentence for people.
        facts: The values for programs.
    """

    kind: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


#: The argument of a caller's `on_event`.
ProgressEvent = Event | Notice
OnEvent = Callable[[ProgressEvent], object]


class EventDisplay(Display):
    """Calls a function with every event and every milestone.

    Args:
        on_event: Called in the thread that renders; an exception that it raises ends the render.
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
