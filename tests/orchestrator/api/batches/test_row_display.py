"""The progress of all rows of a batch."""

import pytest

from orchestrator.api.batches import row_display
from orchestrator.api.batches.results import RowResult, RowState
from orchestrator.api.batches.row_display import BatchProgress
from orchestrator.display.speed import Speed


def test_rows_are_counted_and_the_frames_of_late_tell_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(row_display, "Speed", lambda window: Speed(window, lambda: now))
    progress = BatchProgress(3, 100)
    progress.open = 2
    assert str(progress) == "0/3 rows  2 running"
    now = 10.0
    progress.note_frames(20)
    progress.note_row(RowResult(row=1, line=1, state=RowState.FAILED, output="v.mp4"))
    assert str(progress) == "1/3 rows  1 failed  2 running  2.0 frames/s  40 s left"
    progress.note_frames(-20)
    assert str(progress) == "1/3 rows  1 failed  2 running"
