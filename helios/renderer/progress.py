"""Progress of a render on stderr: a bar in a terminal, else lines for programs.

Executors parse the lines with `ProgressLine.parse`.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Seconds between two lines.
LINE_INTERVAL = 0.25

_LINE = re.compile(r"^progress frame=(?P<frame>\d+) total=(?P<total>\d+) fps=(?P<fps>[\d.]+)$")


@dataclass(frozen=True)
class ProgressLine:
    """Frames done, frames in all, frames per second so far."""

    frame: int
    total: int
    fps: float

    def __str__(self) -> str:
        return f"progress frame={self.frame} total={self.total} fps={self.fps:.1f}"

    @classmethod
    def parse(cls, line: str) -> "ProgressLine | None":
        """Parse a progress line; None for any other line."""
        found = _LINE.match(line.strip())
        if found is None:
            return None
        return cls(int(found["frame"]), int(found["total"]), float(found["fps"]))


@contextlib.contextmanager
def show_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr; yield a function to call with the number of frames done."""
    if sys.stderr.isatty():
        with _bar(total) as update:
            yield update
    else:
        yield _lines(total)


def _lines(total: int) -> Callable[[int], None]:
    began = last = time.monotonic()

    def update(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < LINE_INTERVAL:
            return
        last = now
        line = ProgressLine(done, total, done / max(now - began, 1e-9))
        print(line, file=sys.stderr, flush=True)

    return update


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    # Only terminals need rich, which takes 0.05 s to import.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("frames"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, fps=0.0)
        began = time.monotonic()

        def update(done: int) -> None:
            progress.update(task, completed=done, fps=done / max(time.monotonic() - began, 1e-9))

        yield update
