import pytest

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk
from orchestrator.display.time_use import TimeUse
from orchestrator.model.events import (
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    FrameProgress,
    MergeFinished,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def spec_of(*counts: int, merge: str = "helios merge v.mp4 a b") -> JobSpec:
    chunks, start = [], 0
    for number, count in enumerate(counts):
        chunk = RenderChunk(
            id=number,
            start_frame=start,
            frame_count=count,
            output_file=f"{number}.mp4",
            command="helios render page.html",
        )
        chunks.append(chunk)
        start += count
    metadata = JobMetadata(total_frames=start, fps=30, width=64, height=64, duration=start / 30)
    return JobSpec(metadata=metadata, chunks=chunks, merge_command=merge)


def follow(
    use: TimeUse, clock: Clock, chunk: int, *, count: int, start: float, paces: list[float]
) -> None:
    """Play the events of a chunk, whose frames come in batches of ten at some pace."""
    use.note(ChunkStarted(chunk, 1))
    clock.now += start
    use.note(FrameProgress(chunk, 1, count, 1, count))
    done = 1
    for pace in paces:
        clock.now += 10 * pace
        done += 10
        use.note(FrameProgress(chunk, done, count, done, count))
    use.note(ChunkFinished(chunk, 1, clock.now))


def test_slow_frames_are_named_with_their_share_and_how_slow_they_are() -> None:
    clock = Clock()
    use = TimeUse(spec_of(101), clock=clock)

    follow(use, clock, 0, count=101, start=1, paces=[0.1] * 4 + [0.5, 0.7] + [0.1] * 4)

    told = use.line(clock.now)
    assert told is not None
    assert "1 s starting, 20 s drawing frames" in told[0]
    assert "frames 41-60 took 60% of the drawing, 6.0 times as long each" in told[0]
    assert told[1]["slowest"] == {"firstFrame": 41, "lastFrame": 60, "share": 0.6, "times": 6.0}


def test_slow_frames_that_took_less_than_a_second_are_not_named() -> None:
    clock = Clock()
    use = TimeUse(spec_of(41), clock=clock)
    follow(use, clock, 0, count=41, start=5, paces=[0.01, 0.05, 0.01, 0.01])
    told = use.line(clock.now)
    assert told is not None
    assert told[0] == "workers' time: 5 s starting, 1 s drawing frames"


def test_frames_that_take_alike_are_not_named() -> None:
    clock = Clock()
    use = TimeUse(spec_of(101), clock=clock)
    follow(use, clock, 0, count=101, start=1, paces=[0.1, 0.12, 0.11, 0.13, 0.15, 0.1] * 2)
    told = use.line(clock.now)
    assert told is not None
    assert "slowest" not in told[1]
    assert ";" not in told[0]


def test_chunks_that_are_too_short_for_their_starts_are_noticed() -> None:
    clock = Clock()
    use = TimeUse(spec_of(21, 21), clock=clock)
    for chunk in (0, 1):
        follow(use, clock, chunk, count=21, start=4, paces=[0.1, 0.1])
    told = use.line(clock.now)
    assert told is not None
    assert told[0].endswith("fewer chunks (--chunks) start less often")


@pytest.mark.parametrize(
    ("merge", "advised"),
    [("helios merge v.mp4 a b --audio-from page.html", True), ("helios merge v.mp4 a b", False)],
)
def test_sound_is_blamed_for_a_long_merge_only_where_it_is_played(
    merge: str, advised: bool
) -> None:
    clock = Clock()
    use = TimeUse(spec_of(41, merge=merge), clock=clock)
    follow(use, clock, 0, count=41, start=0.1, paces=[0.2] * 4)
    use.note(MergeFinished(None, 8.0))
    told = use.line(clock.now + 8)
    assert told is not None
    assert told[0].endswith("--no-audio stitches without playing the page for its sound") is advised
    assert "8 s stitching" in told[0]


def test_remote_chunks_count_by_their_durations_and_failed_attempts_as_lost() -> None:
    clock = Clock()
    use = TimeUse(spec_of(30, 30, 30, 30), clock=clock)
    for chunk, seconds in enumerate((3.0, 3.0, 15.0, 3.0)):
        use.note(ChunkStarted(chunk, 1))
        use.note(ChunkFinished(chunk, 1, seconds))
    use.note(ChunkStarted(3, 1))
    clock.now += 2
    use.note(ChunkRetrying(3, 1, 0.1, ErrorRecord(code="TIMEOUT", message="late", retryable=True)))
    told = use.line(20)
    assert told is not None
    assert "2 s in attempts that failed" in told[0]
    assert "frames 60-89 took 62% of the drawing, 5.0 times as long" in told[0]


def test_a_short_run_is_not_worth_a_line() -> None:
    clock = Clock()
    use = TimeUse(spec_of(21), clock=clock)
    follow(use, clock, 0, count=21, start=0.1, paces=[0.1, 0.1])
    assert use.line(clock.now) is None
