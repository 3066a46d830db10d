import json

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from orchestrator.display.progress import JobProgress
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    FrameProgress,
    MergeStarted,
)
from orchestrator.model.job_chunk import ChunkState

ERROR = ErrorRecord(code="X", message="x")


def a_spec(chunks: int = 3) -> JobSpec:
    facts = {"totalFrames": chunks * 10, "fps": 10, "width": 2, "height": 2, "duration": chunks}
    parts = [
        {"id": n, "startFrame": n * 10, "frameCount": 10, "outputFile": f"{n}.mp4", "command": "x"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def states(progress: JobProgress) -> list[str]:
    return [chunk.state.name for chunk in progress.chunks.values()]


def test_chunks_go_from_waiting_to_done_or_failed() -> None:
    progress = JobProgress(a_spec())
    progress.update(ChunkStarted(0, 1))
    progress.update(ChunkStarted(1, 1))
    assert states(progress) == ["RUNNING", "RUNNING", "WAITING"]
    progress.update(FrameProgress(0, 5, 10, 5, 30))
    assert progress.chunks[0].share == 0.5
    progress.update(ChunkFinished(0, 1, 1.0))
    progress.update(ChunkRetrying(1, 1, 0.1, ERROR))
    assert states(progress) == ["DONE", "WAITING", "WAITING"]
    progress.update(ChunkFailed(1, 1, ERROR))
    assert (progress.chunks_done, progress.chunks_running) == (1, 0)
    assert progress.chunks[1].state is ChunkState.FAILED
    progress.update(MergeStarted(3))
    assert progress.merging


def test_chunks_of_an_earlier_run_count_as_done_and_unwanted_ones_not_at_all() -> None:
    progress = JobProgress(a_spec(), done={1, 2}, only=[0, 1])
    assert states(progress) == ["WAITING", "DONE"]
    assert (progress.frames_done, progress.frames_total, progress.chunks_done) == (10, 20, 1)


def test_the_speed_is_that_of_late_and_says_how_long_it_will_take() -> None:
    now = 0.0
    progress = JobProgress(a_spec(), clock=lambda: now)
    assert (progress.fps, progress.seconds_left) == (0.0, None)
    now = 60.0  # Starting took a minute, which must not count.
    progress.update(FrameProgress(0, 1, 10, 1, 30))
    assert progress.seconds_left is None
    for done in range(2, 12):
        now += 0.5
        progress.update(FrameProgress(0, 1, 10, done, 30))
    assert progress.fps == 2.0
    assert progress.seconds_left == 19 / 2
    now += 100.0
    progress.update(FrameProgress(0, 1, 10, 12, 30))
    assert progress.fps < 0.1


def test_frames_that_a_retry_throws_away_do_not_make_the_speed_negative() -> None:
    now = 0.0
    progress = JobProgress(a_spec(), clock=lambda: now)
    for done in range(1, 10):
        now += 1.0
        progress.update(FrameProgress(0, done, 10, done, 30))
    progress.update(ChunkRetrying(0, 1, 0.1, ERROR))
    assert progress.fps == 0.0
    now += 1.0
    progress.update(FrameProgress(0, 1, 10, 1, 30))
    now += 1.0
    progress.update(FrameProgress(0, 3, 10, 3, 30))
    assert progress.fps == 2.0
