"""How a job's progress is shown: a bar for people, lines for logs, JSON for programs."""

import contextlib
import dataclasses
import json
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from helios.contract.job_spec import JobSpec
from helios.contract.render_warning import RenderWarning
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import (
    BackupStarted,
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    Event,
    FrameProgress,
    LogLine,
    MergeFinished,
    SeamsCompared,
    SeamsDiffer,
    SeamsHealing,
)
from orchestrator.model.job_chunk import ChunkState

#: Seconds between two plain lines of progress at least, and as a share of the time so far: a
#: render of an hour leaves some forty lines in a log, not hundreds.
LINE_INTERVAL = 5.0
LINE_SHARE = 0.15
#: Frames that a line names.
_MOST_NAMED = 10
#: Columns beside the marks of single chunks.
_BESIDE_MARKS = 30

_RISING = " ▁▂▃▄▅▆▇█"
_RISING_ASCII = " 123456789"
_STYLES = {
    ChunkState.WAITING: "dim",
    ChunkState.RUNNING: "yellow",
    ChunkState.DONE: "green",
    ChunkState.FAILED: "red",
}


class Display(ABC):
    """Shows a command's progress and outcome.

    Attributes
    ----------
    progress:
        What is known of the running job.
    stopping:
        What becomes of a run that is stopped.
    moves:
        Whether anything in the composition moves by itself; False if that isn't known.
    """

    stopping = "what runs is ended, finished chunks stay"
    moves = False

    def __init__(self) -> None:
        self.progress: JobProgress | None = None

    @abstractmethod
    def note(self, kind: str, text: str, **facts: Any) -> None:
        """Show a milestone: a sentence for people, `kind` and facts for programs."""

    def warn(self, warning: RenderWarning) -> None:
        """Show what may be wrong with the render."""
        self.note("warning", str(warning), **warning.as_json())

    def answer(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        """Show what a command was asked for; the text goes to stdout, where it can be piped."""
        print(text, flush=True)

    def show(self, event: Event) -> None:
        """Show an event of the running job."""
        if self.progress is not None:
            self.progress.update(event)

    @contextlib.contextmanager
    def activity(self, text: str) -> Iterator[None]:  # noqa: ARG002
        """Say what is being done, where that can be taken back once it is."""
        yield

    @contextlib.contextmanager
    def job(
        self, spec: JobSpec, *, done: Collection[int] = (), only: Collection[int] | None = None
    ) -> Iterator[None]:
        """Follow a job until the context ends; `done` and `only` are as in `JobExecutor`."""
        self.progress = JobProgress(spec, done=done, only=only)
        yield


def choose_display(*, as_json: bool, verbose: bool) -> Display:
    """Return the display that suits whoever reads: a program, a person, or a log."""
    if as_json:
        return JsonDisplay()
    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay(console, verbose=verbose)
    return LineDisplay(verbose=verbose)


class SilentDisplay(Display):
    """Shows nothing: for programs that look at a job by themselves."""

    def note(self, kind: str, text: str, **facts: Any) -> None:
        """Show nothing."""


class JsonDisplay(Display):
    """One JSON document a line on stdout: every event, and every milestone."""

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._print({"event": kind, **facts})

    def answer(self, kind: str, text: str, **facts: Any) -> None:
        self.note(kind, text, **facts)

    def show(self, event: Event) -> None:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        self._print({"event": name, **{_camel(key): _json_value(fields[key]) for key in fields}})

    def _print(self, document: dict[str, Any]) -> None:
        # Escapes keep a file name that isn't Unicode from breaking the line.
        print(json.dumps(document), flush=True)


class LineDisplay(Display):
    """Plain lines on stderr, as logs keep them."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose
        self._began = self._last_line = time.monotonic()

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._print(text)

    def show(self, event: Event) -> None:
        super().show(event)
        if text := describe(event, verbose=self._verbose):
            self._print(text)
        if isinstance(event, FrameProgress) and self.progress is not None:
            self._show_frames(self.progress)

    def _show_frames(self, progress: JobProgress) -> None:
        now = time.monotonic()
        if now - self._last_line < max(LINE_INTERVAL, LINE_SHARE * (now - self._began)):
            return
        self._last_line = now
        facts = [
            f"{progress.frames_done}/{progress.frames_total} frames",
            f"{progress.chunks_done}/{len(progress.chunks)} chunks",
            _speed(progress),
            _time_left(progress),
        ]
        self._print("  ".join(fact for fact in facts if fact))

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class BarDisplay(Display):
    """A bar that moves, over a mark for every chunk that rises with its frames.

    Parameters
    ----------
    console:
        The terminal.
    """

    def __init__(self, console: Console, *, verbose: bool) -> None:
        super().__init__()
        self._console = console
        self._verbose = verbose

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        line = Text(text)
        if kind == "completed":
            line = Text.assemble(("OK " if self._ascii else "✓ ", "bold green"), line)
        self._console.print(line, soft_wrap=True)

    def show(self, event: Event) -> None:
        super().show(event)
        if text := describe(event, verbose=self._verbose):
            self._console.print(Text(text), soft_wrap=True)

    @contextlib.contextmanager
    def activity(self, text: str) -> Iterator[None]:
        with self._console.status(Text(text), spinner="line" if self._ascii else "dots"):
            yield

    @contextlib.contextmanager
    def job(
        self, spec: JobSpec, *, done: Collection[int] = (), only: Collection[int] | None = None
    ) -> Iterator[None]:
        with (
            super().job(spec, done=done, only=only),
            Live(
                get_renderable=self._view,
                console=self._console,
                refresh_per_second=8,
                transient=True,
            ),
        ):
            yield

    @property
    def _ascii(self) -> bool:
        return self._console.options.ascii_only

    def _view(self) -> RenderableType:
        if self.progress is None:
            return ""
        progress = self.progress
        frames_total = progress.frames_total
        width = len(str(frames_total))
        line = Table.grid(expand=True, padding=(0, 2, 0, 0))
        line.add_column(width=9)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True)
        line.add_column(justify="right", no_wrap=True, min_width=14, style="cyan")
        line.add_column(justify="right", no_wrap=True, min_width=10, style="dim")
        line.add_row(
            "stitching" if progress.merging else "rendering",
            ProgressBar(total=frames_total, completed=progress.frames_done),
            f"{progress.frames_done:>{width}}/{frames_total} frames",
            _speed(progress),
            _time_left(progress),
        )
        return Group(line, self._marks(progress))

    def _marks(self, progress: JobProgress) -> Text:
        count = f"{progress.chunks_done}/{len(progress.chunks)}"
        line = Text("chunks     ")
        if len(progress.chunks) <= self._console.width - _BESIDE_MARKS:
            for chunk in progress.chunks.values():
                line.append(self._mark(chunk.state, chunk.share), _STYLES[chunk.state])
            return line.append(f"  {count}", "dim")
        return line.append(f"{count} done, {progress.chunks_running} running", "dim")

    def _mark(self, state: ChunkState, share: float) -> str:
        match state:
            case ChunkState.WAITING:
                return "." if self._ascii else "·"
            case ChunkState.DONE:
                return "#" if self._ascii else "█"
            case ChunkState.FAILED:
                return "x" if self._ascii else "✗"
            case ChunkState.RUNNING:
                rising = _RISING_ASCII if self._ascii else _RISING
                return rising[1 + int(share * (len(rising) - 2))]


def describe(event: Event, *, verbose: bool) -> str | None:
    """Return a sentence for an event that people want to know of, else None."""
    match event:
        case LogLine():
            return _described_log(event, verbose=verbose)
        case SeamsHealing() | SeamsCompared() | SeamsDiffer():
            return _described_seams(event, verbose=verbose)
        case MergeFinished() if verbose:
            return f"stitched in {event.duration:.2f} s"
        case ChunkFinished() if not verbose:
            return None
        case ChunkRetrying() | BackupStarted() | ChunkFailed() | ChunkFinished():
            return f"chunk {event.chunk_id}: {_described_chunk(event)}"
        case _:
            return None


def _described_chunk(event: ChunkRetrying | BackupStarted | ChunkFailed | ChunkFinished) -> str:
    match event:
        case ChunkRetrying():
            return (
                f"attempt {event.attempt} failed "
                f"[{event.error.code}] {event.error.message}; again in {event.delay:.1f} s"
            )
        case BackupStarted():
            return f"slow, {event.seconds:.0f} s by now; a second worker tries it too"
        case ChunkFailed():
            return "failed; what runs is waited for"
        case ChunkFinished():
            return f"done in {event.duration:.1f} s"


def _described_seams(
    event: SeamsHealing | SeamsCompared | SeamsDiffer, *, verbose: bool
) -> str | None:
    match event:
        case SeamsHealing():
            frames = ", ".join(map(str, event.frames[:_MOST_NAMED]))
            more = ", ..." if len(event.frames) > _MOST_NAMED else ""
            count = len(event.chunk_ids)
            return (
                f"chunks draw frame {frames}{more} differently, so the page depends on its past:"
                f" {'1 chunk is' if count == 1 else f'{count} chunks are'} rendered again with"
                " --replay"
            )
        case SeamsDiffer():
            return "\n".join([f"warning: {event.message}", *(f"  - {d}" for d in event.details)])
        case SeamsCompared():
            text = f"{event.proven} of {event.seams} seams proven"
            if event.alike:
                return f"{text}; {event.alike} differ by less than can be seen"
            return text if verbose else None


def _described_log(event: LogLine, *, verbose: bool) -> str | None:
    if event.text.startswith("progress ") or not (verbose or event.text.startswith("page[")):
        return None
    where = "merge" if event.chunk_id is None else f"chunk {event.chunk_id}"
    return f"{where}: {event.text}"


def _speed(progress: JobProgress) -> str:
    return f"{progress.fps:.1f} frames/s" if progress.fps else ""


def _time_left(progress: JobProgress) -> str:
    left = progress.seconds_left
    return "" if left is None else f"{duration(left)} left"


def duration(seconds: float) -> str:
    """Return seconds in the two units that tell most: `9 s`, `2 min 05 s`, `1 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _json_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, exclude_none=True)
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)
