"""Chunks that take much longer than the others: when they get a second worker, and what counts."""

import asyncio
import contextlib
import itertools
import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import BrowserCrashed, HeliosError, JobFailed, JobStopped, WorkerThrottled
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor, JobResult
from orchestrator.execution.run_hooks import AttemptRecorder, unrecorded
from orchestrator.model.events import BackupStarted, ChunkFinished, Event, FrameProgress
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.endpoint import Endpoint
from orchestrator.scheduling.load_balancer import LoadBalancer
from orchestrator.scheduling.straggler_rule import FACTOR, LEAST_SECONDS, StragglerRule
from tests.orchestrator.quick_loop import QuickLoop

DURATIONS = st.floats(min_value=0.01, max_value=20)


class Workers(WorkerAdapter):
    """Takes as long for each try as it is told, in a loop in which that takes no time."""

    def __init__(self, seconds: Callable[[WorkerJob], float]) -> None:
        self.asked: list[WorkerJob] = []
        self.cancelled: list[WorkerJob] = []
        self.running: list[WorkerJob] = []
        self.most_at_once = 0
        self.most_backups = 0
        self._seconds = seconds

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.asked.append(job)
        self.running.append(job)
        self.most_at_once = max(self.most_at_once, len(self.running))
        backups = sum(bool(job.meta.get("backup")) for job in self.running)
        self.most_backups = max(self.most_backups, backups)
        try:
            return await self.work(job)
        except asyncio.CancelledError:
            self.cancelled.append(job)
            raise
        finally:
            self.running.remove(job)

    async def work(self, job: WorkerJob) -> WorkerResult:
        await asyncio.sleep(self._seconds(job))
        return WorkerResult(exit_code=0)

    def tries(self, chunk_id: int) -> int:
        return sum(job.meta["chunkId"] == chunk_id for job in self.asked)


def a_spec(chunks: int) -> JobSpec:
    facts = {"totalFrames": chunks, "fps": 30, "width": 16, "height": 16, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": "true"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def run(
    adapter: WorkerAdapter,
    chunks: int,
    *,
    concurrency: int = 100,
    retries: int = 0,
    backups: bool = True,
    record: AttemptRecorder = unrecorded,
) -> tuple[JobResult, list[Event], float]:
    events: list[Event] = []

    async def execute() -> tuple[JobResult, float]:
        result = await JobExecutor(adapter, jitter=lambda: 0.0).execute(
            a_spec(chunks),
            RunSettings(concurrency=concurrency, retries=retries, backups=backups),
            job_dir=Path(),
            on_event=events.append,
            record=record,
        )
        return result, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        result, seconds = runner.run(execute())
    return result, events, seconds


def slow_first_try(chunk_id: int, seconds: float = 1_000.0) -> Callable[[WorkerJob], float]:
    """Return what makes the first try of one chunk slow, while all else takes 2 seconds."""
    return lambda job: (
        seconds if job.meta["chunkId"] == chunk_id and not job.meta.get("backup") else 2.0
    )


@given(st.lists(DURATIONS, max_size=30), st.integers(min_value=1, max_value=60))
def test_nothing_is_a_straggler_before_half_of_the_chunks_are_done(
    seconds: list[float], chunks: int
) -> None:
    rule = StragglerRule(chunks)
    for each in seconds:
        rule.finished(each)
    known = seconds and len(seconds) * 2 >= chunks
    assert math.isfinite(rule.limit) == bool(known)
    if known:
        assert rule.limit == max(LEAST_SECONDS, FACTOR * statistics.median_high(seconds))


def test_a_straggler_gets_a_second_worker_whose_output_counts_once() -> None:
    workers = Workers(slow_first_try(7))
    result, events, seconds = run(workers, 20)
    assert workers.tries(7) == 2
    assert [job.meta["chunkId"] for job in workers.cancelled] == [7]
    assert Counter(outcome.chunk_id for outcome in result.chunks) == Counter(range(20))
    # Three times the median until it is one, then as long as any chunk.
    assert seconds == pytest.approx(2 * 3 + 2, abs=0.5)
    [started] = [event for event in events if isinstance(event, BackupStarted)]
    assert (started.chunk_id, started.attempt) == (7, 1)
    assert started.seconds == pytest.approx(6, abs=0.5)
    finished = [event.chunk_id for event in events if isinstance(event, ChunkFinished)]
    assert sorted(finished) == list(range(20))
    frames = [event.frames_done for event in events if isinstance(event, FrameProgress)]
    assert frames == list(range(1, 21))


def test_both_tries_of_a_straggler_are_recorded() -> None:
    ends: dict[tuple[int | None, bool], list[WorkerResult]] = {}

    @contextlib.contextmanager
    def record(job: WorkerJob) -> Iterator[Callable[[WorkerResult], None]]:
        found = ends[job.chunk_id, bool(job.meta.get("backup"))] = []
        yield found.append

    run(Workers(slow_first_try(7)), 20, record=record)
    assert len(ends) == 21
    # The one that was cancelled has no result.
    assert [tried for tried, results in ends.items() if len(results) != 1] == [(7, False)]


def test_a_first_try_that_ends_before_its_backup_counts_and_the_backup_is_cancelled() -> None:
    workers = Workers(slow_first_try(3, seconds=7.0))
    _, events, seconds = run(workers, 10)
    assert [job.meta.get("backup") for job in workers.cancelled] == [True]
    assert seconds == pytest.approx(7.0)
    assert sum(isinstance(event, ChunkFinished) for event in events) == 10


def test_backups_are_off_unless_enabled() -> None:
    workers = Workers(slow_first_try(3, seconds=50.0))
    run(workers, 10, backups=False)
    assert len(workers.asked) == 10


def test_a_backup_takes_no_place_that_a_waiting_chunk_could_have() -> None:
    workers = Workers(slow_first_try(0))
    run(workers, 40, concurrency=4)
    assert workers.most_at_once == 4
    assert workers.tries(0) == 2


class Failing(Workers):
    """Workers of which some say that they failed."""

    def __init__(
        self,
        seconds: Callable[[WorkerJob], float],
        fault: Callable[[WorkerJob], HeliosError | None],
    ) -> None:
        super().__init__(seconds)
        self._fault = fault

    async def work(self, job: WorkerJob) -> WorkerResult:
        result = await super().work(job)
        if fault := self._fault(job):
            raise fault
        return result


@pytest.mark.parametrize("fault", [BrowserCrashed("gone"), JobStopped("no money left")])
def test_a_backup_that_fails_leaves_the_first_try_alone(fault: HeliosError) -> None:
    workers = Failing(
        slow_first_try(3, seconds=60.0), lambda job: fault if job.meta.get("backup") else None
    )
    result, _, seconds = run(workers, 10)
    assert len(result.chunks) == 10
    assert seconds == pytest.approx(60.0)
    # One backup a chunk, however it ends.
    assert workers.tries(3) == 2


def test_a_first_try_that_fails_leaves_its_backup_alone() -> None:
    workers = Failing(
        lambda job: slow_first_try(3, 10.0)(job) + 8.0 * bool(job.meta.get("backup")),
        lambda job: (
            BrowserCrashed("gone")
            if job.meta["chunkId"] == 3 and not job.meta.get("backup")
            else None
        ),
    )
    result, _, _ = run(workers, 10)
    assert len(result.chunks) == 10


def test_where_both_fail_the_chunk_failed_once() -> None:
    workers = Failing(
        slow_first_try(3, 10.0),
        lambda job: BrowserCrashed("gone") if job.meta["chunkId"] == 3 else None,
    )
    with pytest.raises(JobFailed) as caught:
        run(workers, 10)
    assert list(caught.value.details) == ["chunk 3: BROWSER_CRASHED after 1 attempt: gone"]


@given(
    st.lists(st.tuples(DURATIONS, DURATIONS), min_size=1, max_size=40),
    st.integers(min_value=1, max_value=20),
)
@settings(max_examples=60)
def test_each_chunk_counts_once_and_backups_stay_few_for_any_durations(
    seconds: list[tuple[float, float]], concurrency: int
) -> None:
    def takes(job: WorkerJob) -> float:
        chunk_id: int = job.meta["chunkId"]
        first, backup = seconds[chunk_id]
        return backup if job.meta.get("backup") else first

    workers = Workers(takes)
    chunks = len(seconds)
    result, events, _ = run(workers, chunks, concurrency=concurrency)
    assert Counter(outcome.chunk_id for outcome in result.chunks) == Counter(range(chunks))
    assert all(workers.tries(chunk_id) <= 2 for chunk_id in range(chunks))
    assert workers.most_at_once <= concurrency
    assert workers.most_backups <= max(1, chunks * 0.05)
    backups = sum(isinstance(event, BackupStarted) for event in events)
    assert len(workers.asked) == chunks + backups
    assert (len(workers.cancelled), workers.running) == (backups, [])


def test_a_backup_goes_to_another_place_if_there_is_one() -> None:
    fast = Workers(lambda _: 2.0)
    slow = Workers(lambda job: 500.0 if job.meta["chunkId"] == 5 else 2.0)
    endpoints = [Endpoint(name="slow", adapter=slow), Endpoint(name="fast", adapter=fast)]
    # The first endpoint takes the chunk in question, being named first; it is as free as the other.
    result, _, seconds = run(LoadBalancer(endpoints), 6, concurrency=20)
    assert len(result.chunks) == 6
    if slow.tries(5):
        assert fast.tries(5) == 1
    assert seconds < 20


class Narrow(Workers):
    """An endpoint that throttles what is more than it takes at once."""

    async def work(self, job: WorkerJob) -> WorkerResult:
        if len(self.running) > 4:
            raise WorkerThrottled("rate exceeded")
        return await super().work(job)


def test_chunks_that_wait_for_a_worker_are_no_stragglers() -> None:
    narrow = Narrow(lambda _: 2.0)
    # Pauses are over at once.
    endpoint = Endpoint(name="narrow", adapter=narrow, clock=itertools.count().__next__)
    result, events, _ = run(LoadBalancer([endpoint]), 40)
    assert len(result.chunks) == 40
    assert not [event for event in events if isinstance(event, BackupStarted)]
