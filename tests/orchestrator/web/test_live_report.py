import time

from helios.contract.error_record import ErrorRecord
from helios.records.chunk_trace import FramePicture
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    FrameProgress,
    MergeFinished,
)
from orchestrator.report.report import AttemptReport, ChunkReport
from orchestrator.web.live_report import LiveReport
from tests.orchestrator.web.reports import a_report

CRASH = ErrorRecord(code="BROWSER_CRASHED", message="it is gone", retryable=True)


def begun() -> LiveReport:
    live = LiveReport()
    live.update(a_report(), read_at=time.monotonic())
    live.take_changes()
    return live


def test_a_patch_has_what_events_changed_and_nothing_else() -> None:
    live = begun()
    live.on_event(ChunkStarted(1, 1))
    live.on_event(FrameProgress(1, 4, 10, 4, 20))
    patch = live.take_changes()
    assert patch is not None
    assert set(patch) == {"chunks", "framesDone"}
    (chunk,) = patch["chunks"]
    assert (chunk["id"], chunk["state"], chunk["framesDone"]) == (1, "running", 4)
    assert chunk["attempts"][0]["seconds"] is None
    assert live.take_changes() is None
    live.on_event(FrameProgress(1, 5, 10, 5, 20))
    assert live.take_changes() == {"framesDone": 5, "chunks": [{"id": 1, "framesDone": 5}]}


def test_attempts_follow_retries_and_their_causes() -> None:
    live = begun()
    live.on_event(ChunkStarted(0, 1))
    live.on_event(ChunkRetrying(0, 1, 0.5, CRASH))
    live.on_event(ChunkStarted(0, 2))
    live.on_event(ChunkFinished(0, 2, 1.0))
    live.on_event(ChunkStarted(1, 1))
    live.on_event(ChunkFailed(1, 1, CRASH))
    live.on_event(MergeFinished(None, 2.0))
    whole = live.whole()
    first, second = whole["chunks"]
    errors = [
        (each["number"], each["error"] and each["error"]["code"]) for each in first["attempts"]
    ]
    assert errors == [(1, "BROWSER_CRASHED"), (2, None)]
    assert (first["state"], second["state"]) == ("done", "failed")
    assert whole["merge"]["seconds"] == 2.0


def test_events_before_the_record_is_read_are_kept() -> None:
    live = LiveReport()
    live.on_event(ChunkStarted(0, 1))
    assert live.take_changes() is None
    live.update(a_report(), read_at=time.monotonic())
    assert live.running == [0]


def test_a_record_that_is_older_than_events_leaves_them() -> None:
    live = begun()
    live.on_event(ChunkStarted(0, 1))
    live.update(a_report(), read_at=time.monotonic() - 1)
    assert live.running == [0]
    # Once it must contain them, it counts: it knows workers and logs.
    done = AttemptReport(number=1, start=0, seconds=1, worker="function")
    chunk = ChunkReport(id=0, start_frame=0, frames=10, state="done", attempts=[done])
    other = ChunkReport(id=1, start_frame=10, frames=10)
    live.update(
        a_report().model_copy(update={"chunks": [chunk, other]}), read_at=time.monotonic() + 9
    )
    whole = live.whole()
    assert whole["chunks"][0]["attempts"][0]["worker"] == "function"
    assert live.running == []


def test_pictures_are_served_and_not_sent() -> None:
    live = begun()
    live.add_pictures([FramePicture(frame=4, jpeg="/9j/2Q==")])
    assert live.take_changes() == {"filmstrip": [{"frame": 4, "jpeg": "/pictures/4"}]}
    assert live.pictures[4][:2] == b"\xff\xd8"
