"""How a job's progress is shown: a bar for people, lines for logs, JSON for programs."""

import contextlib
import dataclasses
import json
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from helios.job_spec import JobSpec
from orchestrator.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    Event,
    FrameProgress,
    LogLine,
    MergeFinished,
    MergeStarted,
)

#: Seconds between two plain lines of progress.
LINE_INTERVAL = 2.0
#: Seconds over which the speed is averaged, and before which it is too early to tell.
SPEED_WINDOW = 10.0
SPEED_AFTER = 1.0
#: Chunks whose states are drawn one by one; more are only counted.
DRAWN_CHUNKS = 60

_MARKS = {
    "waiting": "[dim]·[/]",
    "running": "[yellow]▸[/]",
    "done": "[green]■[/]",
    "failed": "[red]✗[/]",
}


class JobProgress:
    """What is known of a running job: frames, chunks, speed, time left.

    Parameters
    ----------
    spec:
        The job.
    """

    def __init__(self, spec: JobSpec) -> None:
        self.states = {chunk.id: "waiting" for chunk in spec.chunks_by_frame()}
        self.frames_total = spec.metadata.total_frames
        self.frames_done = 0
        self.merging = False
        self._recent: list[tuple[float, int]] = [(time.monotonic(), 0)]

    def update(self, event: Event) -> None:
        """Take an event of the job into account."""
        match event:
            case ChunkStarted():
                self.states[event.chunk_id] = "running"
            case ChunkFinished():
                self.states[event.chunk_id] = "done"
            case ChunkFailed():
                self.states[event.chunk_id] = "failed"
            case FrameProgress():
                self.frames_done, self.frames_total = event.frames_done, event.frames_total
                self._note_speed()
            case MergeStarted():
                self.merging = True
            case _:
                pass

    @property
    def chunks_done(self) -> int:
        """Number of chunks that are done."""
        return sum(state == "done" for state in self.states.values())

    @property
    def fps(self) -> float:
        """Frames per second lately."""
        (first, before), (last, after) = self._recent[0], self._recent[-1]
        elapsed = last - first
        return max(0.0, (after - before) / elapsed) if elapsed > SPEED_AFTER else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all frames are rendered, at the speed of late; None if unknown."""
        return (self.frames_total - self.frames_done) / self.fps if self.fps else None

    def _note_speed(self) -> None:
        now = time.monotonic()
        self._recent.append((now, self.frames_done))
        while len(self._recent) > 2 and self._recent[0][0] < now - SPEED_WINDOW:
            self._recent.pop(0)


class Display(ABC):
    """Shows a command's progress and outcome."""

    @abstractmethod
    def note(self, kind: str, text: str, **facts: Any) -> None:
        """Show a milestone: a sentence for people, `kind` and facts for programs."""

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show an event of the running job."""

    @contextlib.contextmanager
    def job(self, spec: JobSpec) -> Iterator[None]:
        """Follow a job until the context ends."""
        self.progress = JobProgress(spec)
        yield


def choose_display(*, as_json: bool, verbose: bool) -> Display:
    """Return the display that suits whoever reads: a program, a person, or a log."""
    if as_json:
        return JsonDisplay()
    return BarDisplay(verbose) if sys.stderr.isatty() else LineDisplay(verbose)


class JsonDisplay(Display):
    """One JSON document a line on stdout: every event, and every milestone."""

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._print({"event": kind, **facts})

    def show(self, event: Event) -> None:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        fields = {_camel(key): value for key, value in _plain(event).items()}
        self._print({"event": name, **fields})

    def _print(self, document: dict[str, Any]) -> None:
        print(json.dumps(document, ensure_ascii=False), flush=True)


class LineDisplay(Display):
    """Plain lines on stderr, as logs keep them."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._last_line = 0.0

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._print(text)

    def show(self, event: Event) -> None:
        self.progress.update(event)
        if text := describe(event, verbose=self._verbose):
            self._print(text)
        if isinstance(event, FrameProgress):
            self._show_frames()

    def _show_frames(self) -> None:
        now, progress = time.monotonic(), self.progress
        complete = progress.frames_done == progress.frames_total
        if now - self._last_line < LINE_INTERVAL and not complete:
            return
        self._last_line = now
        left = progress.seconds_left
        self._print(
            f"frames {progress.frames_done}/{progress.frames_total}"
            f"  chunks {progress.chunks_done}/{len(progress.states)}"
            f"  {progress.fps:.1f} frames/s" + ("" if left is None else f"  {left:.0f} s left")
        )

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class BarDisplay(Display):
    """A bar that moves, with a mark for every chunk."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._console.print(text, markup=False)

    def show(self, event: Event) -> None:
        self.progress.update(event)
        if text := describe(event, verbose=self._verbose):
            self._console.print(text, markup=False)
        self._refresh()

    @contextlib.contextmanager
    def job(self, spec: JobSpec) -> Iterator[None]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed}/{task.total} frames"),
            TextColumn("[cyan]{task.fields[fps]}[/] [dim]{task.fields[left]}[/]"),
            TextColumn("{task.fields[chunks]}"),
        )
        with super().job(spec), Progress(*columns, console=self._console, transient=True) as bar:
            self._bar = bar
            self._task = bar.add_task(
                "rendering", total=self.progress.frames_total, fps="", left="", chunks=""
            )
            self._refresh()
            yield
        self._bar = None

    def _refresh(self) -> None:
        if self._bar is None:
            return
        progress, left = self.progress, self.progress.seconds_left
        self._bar.update(
            self._task,
            description="stitching" if progress.merging else "rendering",
            completed=progress.frames_done,
            total=progress.frames_total,
            fps=f"{progress.fps:.1f}/s" if progress.fps else "",
            left="" if left is None else f"{left:.0f} s left",
            chunks=_chunk_marks(progress),
        )


def describe(event: Event, *, verbose: bool) -> str | None:
    """Return a sentence for an event that people want to know of, else None."""
    match event:
        case ChunkRetrying():
            return (
                f"chunk {event.chunk_id}: attempt {event.attempt} failed "
                f"[{event.error.code}] {event.error.message}; again in {event.delay:.1f} s"
            )
        case ChunkFailed():
            return (
                f"chunk {event.chunk_id}: failed after {event.attempts} attempt(s) "
                f"[{event.error.code}] {event.error.message}"
            )
        case LogLine():
            return _described_log(event, verbose=verbose)
        case ChunkFinished() if verbose:
            return f"chunk {event.chunk_id}: done in {event.duration:.1f} s"
        case MergeFinished() if verbose:
            return f"stitched in {event.duration:.2f} s"
        case _:
            return None


def _described_log(event: LogLine, *, verbose: bool) -> str | None:
    if event.text.startswith("progress ") or not (verbose or event.text.startswith("page[")):
        return None
    where = "merge" if event.chunk_id is None else f"chunk {event.chunk_id}"
    return f"{where}: {event.text}"


def _chunk_marks(progress: JobProgress) -> str:
    states = progress.states
    if len(states) > DRAWN_CHUNKS:
        return f"chunks {progress.chunks_done}/{len(states)}"
    return "".join(_MARKS[state] for state in states.values())


def _plain(event: Event) -> dict[str, Any]:
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {name: _json_value(value) for name, value in fields.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, exclude_none=True)
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)
