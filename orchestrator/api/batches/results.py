"""The results of a batch, row by row."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helios.contract.error_record import ErrorRecord


class RowState(StrEnum):
    """What became of a row."""

    RENDERED = "rendered"
    #: Its video was there from an earlier run, made from the same values and files.
    UNCHANGED = "unchanged"
    #: It got a copy of the video of an earlier row with the same values.
    COPIED = "copied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """The result of a row.

    Attributes:
        row: Its place among the rows, counted from 1.
        line: Its line in their file; the same as `row` of mappings.
        state: What became of it.
        output: Path or URL of its video.
        frames, seconds: Length in frames, and time from its first chunk to its end.
        worker_seconds, attempts: Time and number of all attempts at its chunks.
        error: Why it failed; None unless it did.
    """

    row: int
    line: int
    state: RowState
    output: str
    frames: int = 0
    seconds: float = 0.0
    worker_seconds: float = 0.0
    attempts: int = 0
    error: "ErrorRecord | None" = None

    @property
    def path(self) -> Path | None:
        """The video; None for one in storage."""
        return None if "://" in self.output else Path(self.output)

    @property
    def url(self) -> str | None:
        """The URL of a video in storage; None for one on this machine."""
        return self.output if "://" in self.output else None

    def document(self) -> dict[str, Any]:
        """Return the result as JSON value."""
        error = self.error
        facts: dict[str, Any] = {
            "row": self.row,
            "line": self.line,
            "state": str(self.state),
            "output": self.output,
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "workerSeconds": round(self.worker_seconds, 3),
            "attempts": self.attempts,
        }
        if error is not None:
            facts["error"] = error.model_dump(by_alias=True, exclude_none=True)
        return facts
