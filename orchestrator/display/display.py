"""The interface to show a command's progress and outcome."""

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from helios.contract.job_spec import JobSpec
from helios.contract.messages.render_warning import RenderWarning
from helios.errors import HeliosError, report
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import Event, SeamsCompared


class Display(ABC):
    """Shows a command's progress and outcome.

    Attributes:
        progress: Progress of the running job.
        warnings, seams, completed: The warnings, the comparison of the seams, and the facts of the
            completion so far.
        stopping: Describes what happens to a run that is stopped.
        listeners: Called with each event of the running job.
        job_id: Id of the job that runs, once it is recorded.
        moves: Whether anything in the composition moves by itself; False if that isn't known.
    """

    stopping = "what runs is ended, finished chunks stay"
    moves = False

    def __init__(self) -> None:
        self.progress: JobProgress | None = None
        self.warnings: list[RenderWarning] = []
        self.seams: SeamsCompared | None = None
        self.completed: Mapping[str, Any] = {}
        self.job_id: str | None = None
        self.listeners: list[Callable[[Event], object]] = []

    @abstractmethod
    def note(self, kind: str, text: str, **facts: Any) -> None:
        """Show a milestone: a sentence for people, `kind` and facts for programs."""

    def warn(self, warning: RenderWarning) -> None:
        """Show a warning about the render."""
        self.warnings.append(warning)
        self.note("warning", str(warning), **warning.as_json())

    def complete(self, text: str, **facts: Any) -> None:
        """Show that the job is completed."""
        self.completed = facts
        self.note("completed", text, **facts)

    def fail(self, error: HeliosError) -> None:
        """Show the error that ends a command."""
        print(report(error), file=sys.stderr)

    def answer(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        """Show a command's answer; the text goes to stdout, where it can be piped."""
        print(text, flush=True)

    def show(self, event: Event) -> None:
        """Show an event of the running job."""
        if isinstance(event, SeamsCompared):
            self.seams = event
        if self.progress is not None:
            self.progress.update(event)
        for listener in self.listeners:
            listener(event)

    @contextlib.contextmanager
    def activity(self, text: str) -> Iterator[None]:  # noqa: ARG002
        """Show an activity while the context lasts, if the display can remove it afterwards."""
        yield

    @contextlib.contextmanager
    def counting(self) -> Iterator[Callable[[str], None]]:
        """Show a sentence that changes while the context lasts; yield what is called with it."""
        yield lambda _: None

    @contextlib.contextmanager
    def job(
        self, spec: JobSpec, *, done: Collection[int] = (), only: Collection[int] | None = None
    ) -> Iterator[None]:
        """Follow a job until the context ends; `done` and `only` are as in `JobExecutor`."""
        self.progress = JobProgress(spec, done=done, only=only)
        yield


class SilentDisplay(Display):
    """Shows nothing."""

    def note(self, kind: str, text: str, **facts: Any) -> None:
        """Show nothing."""
