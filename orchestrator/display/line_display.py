"""Progress as plain lines, for logs."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.display.display import Display
from orchestrator.display.event_text import describe, speed, time_left
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import Event, FrameProgress

#: Minimum of seconds between two lines of progress, and as a share of the time so far: a render of
#: an hour leaves some forty lines in a log, not hundreds.
LINE_INTERVAL = 5.0
LINE_SHARE = 0.15


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

    @contextlib.contextmanager
    def counting(self) -> Iterator[Callable[[str], None]]:
        def tell(text: str) -> None:
            if self._is_due():
                self._print(text)

        yield tell

    def _is_due(self) -> bool:
        """Tell whether the last line is so long ago that another one may follow."""
        now = time.monotonic()
        if now - self._last_line < max(LINE_INTERVAL, LINE_SHARE * (now - self._began)):
            return False
        self._last_line = now
        return True

    def _show_frames(self, progress: JobProgress) -> None:
        if not self._is_due():
            return
        facts = [
            f"{progress.frames_done}/{progress.frames_total} frames",
            f"{progress.chunks_done}/{len(progress.chunks)} chunks",
            speed(progress.fps),
            time_left(progress.seconds_left),
        ]
        self._print("  ".join(fact for fact in facts if fact))

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
