"""Jobs that are stopped early because they can't succeed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import CircuitOpen, JobFailed, OutOfMemory, WorkerCrashed, WorkerThrottled
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.events import ChunkStopped, Event
from orchestrator.model.failure import Failure
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.failure_threshold import FAILED_SHARE, LATEST, FailureThreshold

CRASH = WorkerResult(
    exit_code=1, error=ErrorRecord.of(WorkerCrashed("it died", hint="Deploy the function again."))
)


class Workers(WorkerAdapter):
    def __init__(self, answer: Callable[[WorkerJob], WorkerResult]) -> None:
        self.asked: list[WorkerJob] = []
        self._answer = answer

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.asked.append(job)
        await asyncio.sleep(0)
        return self._answer(job)


def a_spec(chunks: int) -> JobSpec:
    facts = {"totalFrames": chunks, "fps": 30, "width": 16, "height": 16, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": "true"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def run(workers: Workers, chunks: int, *, concurrency: int = 10) -> list[Event]:
    events: list[Event] = []
    asyncio.run(
        JobExecutor(workers, jitter=lambda: 0.0).execute(
            a_spec(chunks),
            RunSettings(concurrency=concurrency, retries=10),
            job_dir=Path(),
            on_event=events.append,
        )
    )
    return events


def test_a_job_whose_attempts_all_fail_is_stopped_long_before_each_was_tried() -> None:
    workers = Workers(lambda _: CRASH)
    with pytest.raises(CircuitOpen) as caught:
        run(workers, 1_000)
    assert len(workers.asked) <= LATEST + 10
    assert caught.value.message == (
        "16 of the last 20 attempts failed, 16 of them with WORKER_CRASHED:"
        " the job was stopped, 0 of 1000 chunks are done"
    )
    assert caught.value.hint == "Deploy the function again."
    [detail] = caught.value.details
    assert "WORKER_CRASHED" in detail
    assert "it died" in detail
    assert caught.value.retryable


def test_a_job_that_began_well_is_stopped_as_well_and_keeps_what_it_has() -> None:
    done = 0

    def answer(_: WorkerJob) -> WorkerResult:
        nonlocal done
        done += 1
        return WorkerResult(exit_code=0) if done <= 200 else CRASH

    workers = Workers(answer)
    with pytest.raises(CircuitOpen, match="200 of 1000 chunks are done"):
        run(workers, 1_000)
    assert len(workers.asked) <= 200 + LATEST + 10


def test_failures_of_several_kinds_have_an_example_each() -> None:
    short = WorkerResult(exit_code=1, error=ErrorRecord.of(OutOfMemory("too little")))
    workers = Workers(lambda job: short if job.meta["chunkId"] % 4 == 0 else CRASH)
    with pytest.raises(CircuitOpen) as caught:
        run(workers, 100)
    assert len(caught.value.details) == 2


def test_a_job_continues_if_a_third_of_its_attempts_fail() -> None:
    workers = Workers(
        lambda job: (
            CRASH
            if (job.meta["chunkId"] + job.meta["attempt"]) % 3 == 0
            else WorkerResult(exit_code=0)
        )
    )
    run(workers, 300)
    assert 400 <= len(workers.asked) <= 450


def test_a_small_job_is_tried_as_often_as_asked() -> None:
    workers = Workers(lambda _: CRASH)
    with pytest.raises(JobFailed) as caught:
        run(workers, 1)
    assert caught.value.code == JobFailed.code
    assert len(workers.asked) == 11


def test_chunks_that_would_be_tried_again_are_told_to_have_stopped() -> None:
    events: list[Event] = []
    executor = JobExecutor(Workers(lambda _: CRASH), jitter=lambda: 0.0)
    with pytest.raises(CircuitOpen):
        asyncio.run(
            executor.execute(
                a_spec(100),
                RunSettings(concurrency=5, retries=10),
                job_dir=Path(),
                on_event=events.append,
            )
        )
    assert sum(isinstance(event, ChunkStopped) for event in events) == 5


@given(st.lists(st.booleans(), max_size=200))
def test_a_breaker_opens_at_its_share_of_the_latest_attempts_and_stays_open(
    story: list[bool],
) -> None:
    breaker = FailureThreshold()
    assert CRASH.error is not None
    failure = Failure("chunk 0", 1, CRASH.error, "")
    opened = False
    for count, failed in enumerate(story, start=1):
        breaker.note(failure if failed else None)
        opened |= sum(story[max(0, count - LATEST) : count]) > FAILED_SHARE * LATEST
        assert breaker.is_open == opened


def test_throttled_attempts_stop_no_job_however_many_they_are() -> None:
    threshold = FailureThreshold()
    throttled = Failure("chunk 0", 1, ErrorRecord.of(WorkerThrottled("busy")), "")
    for _ in range(5 * LATEST):
        threshold.note(throttled)
    assert not threshold.is_open
