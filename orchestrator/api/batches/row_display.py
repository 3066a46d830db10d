"""What a row of a batch shows while it is rendered, and the progress of all rows."""

from collections import Counter
from typing import Any

from helios.errors import HeliosError
from orchestrator.api.batches.results import RowResult, RowState
from orchestrator.display.display import Display
from orchestrator.display.event_text import describe, speed, time_left
from orchestrator.display.speed import Speed
from orchestrator.model.events import (
    BackupStarted,
    ChunkFailed,
    ChunkRetrying,
    Event,
    FrameProgress,
    SeamsDiffer,
    SeamsHealing,
)

#: Seconds over which the speed is averaged.
_SPEED_WINDOW = 30.0
_WORTH_A_LINE = (BackupStarted, ChunkFailed, ChunkRetrying, SeamsDiffer, SeamsHealing)


class BatchProgress:
    """Counts the rows and the frames of a batch.

    Args:
        frames: Frames of all rows that are rendered; None if that isn't known.
    """

    def __init__(self, rows: int, frames: int | None) -> None:
        self.rows = rows
        self.frames = frames
        self.open = 0
        self.states: Counter[RowState] = Counter()
        self._frames_done = 0
        self._speed = Speed(_SPEED_WINDOW)
        self._speed.note(0)

    def note_row(self, result: RowResult) -> None:
        """Take the end of a row into account."""
        self.states[result.state] += 1

    def note_frames(self, count: int) -> None:
        """Take rendered frames into account; fewer than 0 are lost ones."""
        self._frames_done += count
        self._speed.note(self._frames_done)

    def __str__(self) -> str:
        failed = self.states[RowState.FAILED]
        parts = [f"{self.states.total()}/{self.rows} rows"]
        if failed:
            parts.append(f"{failed} failed")
        parts.append(f"{self.open} running")
        parts.append(speed(self._speed.fps))
        if self.frames is not None:
            parts.append(time_left(self._speed.seconds_for(self.frames - self._frames_done)))
        return "  ".join(filter(None, parts))


class RowDisplay(Display):
    """Passes on what is worth a line about one row, and counts its frames."""

    def __init__(self, row: int, parent: Display, progress: BatchProgress) -> None:
        super().__init__()
        self._row = row
        self._parent = parent
        self._batch = progress
        self._frames = 0

    def note(self, kind: str, text: str, **facts: Any) -> None:
        if kind in ("warning", "kept", "replanned", "pinned"):
            self._parent.note(f"row_{kind}", f"row {self._row}: {text}", row=self._row, **facts)

    def fail(self, error: HeliosError) -> None:
        """Show nothing: the row's result tells the error."""

    def show(self, event: Event) -> None:
        super().show(event)
        if isinstance(event, FrameProgress):
            self._batch.note_frames(event.frames_done - self._frames)
            self._frames = event.frames_done
        if isinstance(event, _WORTH_A_LINE):
            text = describe(event, verbose=False)
            self._parent.note("row_event", f"row {self._row}: {text}", row=self._row, message=text)
