"""Progress as a bar, for people at a terminal."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from helios.contract.job_spec import JobSpec
from orchestrator.display.display import Display
from orchestrator.display.event_text import describe, speed, time_left
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import Event
from orchestrator.model.job_chunk import ChunkState

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


class BarDisplay(Display):
    """A bar that moves, over a mark for every chunk that rises with its frames."""

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
    def counting(self) -> Iterator[Callable[[str], None]]:
        with self._console.status("", spinner="line" if self._ascii else "dots") as status:
            yield lambda text: status.update(Text(text))

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
            speed(progress.fps),
            time_left(progress.seconds_left),
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
