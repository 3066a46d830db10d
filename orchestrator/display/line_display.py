"""Progress as plain lines, for logs."""

import sys
import time
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

    def _show_frames(self, progress: JobProgress) -> None:
        now = time.monotonic()
        if now - self._last_line < max(LINE_INTERVAL, LINE_SHARE * (now - self._began)):
            return
        self._last_line = now
        facts = [
            f"{progress.frames_done}/{progress.frames_total} frames",
            f"{progress.chunks_done}/{len(progress.chunks)} chunks",
            speed(progress),
            time_left(progress),
        ]
        self._print("  ".join(fact for fact in facts if fact))

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
