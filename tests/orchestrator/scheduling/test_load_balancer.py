"""Several endpoints in one render: who gets what, and who steps in for whom."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import (
    AccessDenied,
    BrowserCrashed,
    CallerRejected,
    HeliosError,
    JobFailed,
    OptionInvalid,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.concurrency_limit import AdaptiveConcurrencyLimit
from orchestrator.scheduling.endpoint import Endpoint
from orchestrator.scheduling.load_balancer import LoadBalancer

Answer = WorkerResult | HeliosError | None


class EndpointGroup(WorkerAdapter):
    """Somewhere that takes as many jobs at once as it has room for, and answers by a script."""

    def __init__(
        self,
        *,
        quota: int = 1_000,
        seconds: float = 0.002,
        answer: Callable[[WorkerJob], Answer] = lambda _: None,
    ) -> None:
        self.asked: list[WorkerJob] = []
        self.done = 0
        self.throttled = 0
        self.running = 0
        self.most_at_once = 0
        self._quota = quota
        self._seconds = seconds
        self._answer = answer

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.asked.append(job)
        if self.running >= self._quota:
            self.throttled += 1
            raise WorkerThrottled("rate exceeded")
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await asyncio.sleep(self._seconds)
            answer = self._answer(job)
        finally:
            self.running -= 1
        if isinstance(answer, HeliosError):
            raise answer
        self.done += answer is None
        return answer or WorkerResult(exit_code=0)


def a_job(number: int = 0) -> WorkerJob:
    return WorkerJob(command="helios", task=Task(job_path="job.json", chunk_id=number))


def spread(*endpoints: Endpoint, patience: float = 5.0) -> LoadBalancer:
    return LoadBalancer(endpoints, patience=patience)


async def run_all(adapter: WorkerAdapter, count: int) -> list[WorkerResult]:
    return await asyncio.gather(*(adapter.execute(a_job(number)) for number in range(count)))


def failing(fault: HeliosError) -> Callable[[WorkerJob], Answer]:
    return lambda _: fault


def a_spec(chunks: int) -> JobSpec:
    facts = {"totalFrames": chunks, "fps": 30, "width": 16, "height": 16, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": "true"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def test_jobs_are_shared_by_weight() -> None:
    big, small = EndpointGroup(seconds=0.01), EndpointGroup(seconds=0.01)
    adapter = spread(
        Endpoint(name="big", adapter=big, weight=3, window=AdaptiveConcurrencyLimit(size=100)),
        Endpoint(name="small", adapter=small, weight=1, window=AdaptiveConcurrencyLimit(size=100)),
    )
    asyncio.run(run_all(adapter, 40))
    assert (big.done, small.done) == (30, 10)


def test_a_faster_place_gets_more_jobs() -> None:
    fast, slow = EndpointGroup(seconds=0.002), EndpointGroup(seconds=0.05)
    endpoints = (Endpoint(name="fast", adapter=fast), Endpoint(name="slow", adapter=slow))
    spec = a_spec(60)
    asyncio.run(
        JobExecutor(spread(*endpoints)).execute(spec, RunSettings(concurrency=6), job_dir=Path())
    )
    assert fast.done + slow.done == 60
    assert fast.done > 3 * slow.done > 0


def test_no_place_is_given_more_than_its_most() -> None:
    one, other = EndpointGroup(), EndpointGroup()
    adapter = spread(
        Endpoint(name="one", adapter=one, most=3), Endpoint(name="other", adapter=other, most=5)
    )
    asyncio.run(run_all(adapter, 40))
    assert one.done + other.done == 40
    assert (one.most_at_once, other.most_at_once) == (3, 5)


def test_each_place_is_told_where_it_finds_the_spec() -> None:
    one, other = EndpointGroup(), EndpointGroup()
    adapter = spread(
        Endpoint(name="one", adapter=one, artifacts="s3://there"),
        Endpoint(name="other", adapter=other),
    )
    asyncio.run(run_all(adapter, 4))
    assert {job.meta["jobPath"] for job in one.asked} == {"s3://there/job.json"}
    assert {job.meta["jobPath"] for job in other.asked} == {"job.json"}


def test_a_quota_is_found_and_kept_to_without_costing_attempts() -> None:
    group = EndpointGroup(quota=4, seconds=0.05)
    endpoint = Endpoint(name="group", adapter=group)
    events: list[object] = []
    executor = JobExecutor(spread(endpoint))
    result = asyncio.run(
        executor.execute(
            a_spec(60),
            RunSettings(concurrency=60, retries=0),
            job_dir=Path(),
            on_event=events.append,
        )
    )
    assert {outcome.attempts for outcome in result.chunks} == {1}
    assert (len(result.chunks), group.most_at_once) == (60, 4)
    # Ten came at once; from then on only a try now and then asks for more.
    assert group.throttled < 6 + 20


def test_what_one_place_throttles_the_other_takes() -> None:
    narrow, wide = EndpointGroup(quota=1, seconds=0.2), EndpointGroup()
    adapter = spread(Endpoint(name="narrow", adapter=narrow), Endpoint(name="wide", adapter=wide))
    results = asyncio.run(run_all(adapter, 20))
    assert all(result.exit_code == 0 for result in results)
    assert (narrow.done, wide.done) == (1, 19)


@pytest.mark.parametrize(
    "fault",
    [WorkerUnavailable("gone"), AccessDenied("no"), WorkerNotFound("none")],
    ids=lambda fault: fault.code,
)
def test_other_endpoints_take_the_chunks_of_one_that_is_down(fault: HeliosError) -> None:
    down, up = EndpointGroup(answer=failing(fault)), EndpointGroup()
    adapter = spread(Endpoint(name="down", adapter=down), Endpoint(name="up", adapter=up))

    async def in_turn() -> list[WorkerResult]:
        return [await adapter.execute(a_job(number)) for number in range(20)]

    results = asyncio.run(in_turn())
    assert all(result.exit_code == 0 for result in results)
    assert up.done == 20
    # It isn't asked again for each job.
    assert len(down.asked) <= 2


def test_other_endpoints_take_the_chunks_of_a_worker_that_refuses_jobs() -> None:
    refusal = WorkerResult(exit_code=2, error=ErrorRecord.of(CallerRejected("which token?")))
    down, up = EndpointGroup(answer=lambda _: refusal), EndpointGroup()
    adapter = spread(Endpoint(name="down", adapter=down), Endpoint(name="up", adapter=up))
    results = asyncio.run(run_all(adapter, 10))
    assert all(result.exit_code == 0 for result in results)
    assert up.done == 10


def test_what_fails_in_a_worker_is_the_jobs_own_result() -> None:
    crash = WorkerResult(exit_code=1, error=ErrorRecord.of(BrowserCrashed("it is gone")))
    one, other = EndpointGroup(answer=lambda _: crash), EndpointGroup(answer=lambda _: crash)
    adapter = spread(Endpoint(name="one", adapter=one), Endpoint(name="other", adapter=other))
    result = asyncio.run(adapter.execute(a_job()))
    assert result == replace(crash, worker="one")
    assert len(one.asked) + len(other.asked) == 1


def test_a_job_that_no_place_takes_fails_with_what_the_last_one_said() -> None:
    one = EndpointGroup(answer=failing(WorkerUnavailable("gone")))
    other = EndpointGroup(answer=failing(AccessDenied("not you")))
    adapter = spread(Endpoint(name="one", adapter=one), Endpoint(name="other", adapter=other))
    result = asyncio.run(adapter.execute(a_job()))
    assert result.failure is not None
    assert result.failure.code == AccessDenied.code
    assert (len(one.asked), len(other.asked)) == (1, 1)


def test_places_that_deny_access_fail_the_job_at_once() -> None:
    group = EndpointGroup(answer=failing(AccessDenied("not you")))
    executor = JobExecutor(spread(Endpoint(name="group", adapter=group)))
    with pytest.raises(JobFailed, match="1 of 20 chunks failed") as caught:
        asyncio.run(executor.execute(a_spec(20), RunSettings(concurrency=1), job_dir=Path()))
    assert not caught.value.retryable
    assert "not you" in caught.value.details[0]


def test_a_place_that_only_throttles_is_given_up_after_a_while() -> None:
    group = EndpointGroup(quota=0)
    adapter = spread(Endpoint(name="group", adapter=group), patience=0.3)
    [result] = asyncio.run(run_all(adapter, 1))
    assert result.failure is not None
    assert result.failure.code == WorkerThrottled.code
    assert result.failure.retryable


def test_waiting_for_room_doesnt_count_towards_a_jobs_time_limit() -> None:
    group = EndpointGroup(quota=1, seconds=0.06)
    executor = JobExecutor(spread(Endpoint(name="group", adapter=group, most=1)))
    result = asyncio.run(
        executor.execute(
            a_spec(5), RunSettings(concurrency=5, chunk_timeout=0.1, retries=0), job_dir=Path()
        )
    )
    assert len(result.chunks) == 5


def test_a_cancelled_job_makes_room() -> None:
    group = EndpointGroup(seconds=0.5)
    endpoint = Endpoint(name="group", adapter=group, most=1)
    adapter = spread(endpoint)

    async def cancel_one() -> WorkerResult:
        first = asyncio.create_task(adapter.execute(a_job(0)))
        second = asyncio.create_task(adapter.execute(a_job(1)))
        await asyncio.sleep(0.02)
        first.cancel()
        return await second

    assert asyncio.run(cancel_one()).exit_code == 0
    assert endpoint.running == 0


def test_five_hundred_jobs_at_once_cost_little_time() -> None:
    group = EndpointGroup(seconds=0)
    adapter = spread(Endpoint(name="group", adapter=group))

    # Others may keep the machine busy; what counts is the work.
    began = time.process_time()
    asyncio.run(run_all(adapter, 500))
    assert time.process_time() - began < 1


def test_no_places_are_refused() -> None:
    with pytest.raises(OptionInvalid, match="endpoints"):
        LoadBalancer([])
