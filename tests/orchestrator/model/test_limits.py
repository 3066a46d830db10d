"""Runs that stop before they cost more, or take longer, than they may."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import (
    EXIT_LIMIT,
    AccessDenied,
    BrowserCrashed,
    CostLimitReached,
    DeadlineReached,
    HeliosError,
    JobFailed,
    OptionInvalid,
    WorkerThrottled,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.limits import Limits, Price, parse_duration
from orchestrator.model.settings import RunSettings
from orchestrator.scheduling.endpoint import Endpoint
from orchestrator.scheduling.limited_adapter import limited
from orchestrator.scheduling.load_balancer import LoadBalancer
from tests.orchestrator.quick_loop import QuickLoop

#: A dollar a second makes it easy to count.
PRICE = Price(second=1.0, invocation=0.0, longest=900.0, goes_on=True)


class Workers(WorkerAdapter):
    """Takes as long as it is told, and knows what it is to be paid."""

    def __init__(
        self,
        seconds: Callable[[WorkerJob], float] = lambda _: 2.0,
        faults: Iterator[HeliosError | None] | None = None,
    ) -> None:
        self.paid = 0.0
        self.done = 0
        self._seconds = seconds
        self._faults = faults

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        fault = next(self._faults, None) if self._faults else None
        if isinstance(fault, WorkerThrottled | AccessDenied):
            raise fault
        seconds = self._seconds(job)
        # An invocation continues without a client that waits for it.
        self.paid += seconds
        await asyncio.sleep(seconds)
        if fault is not None:
            raise fault
        self.done += 1
        return WorkerResult(exit_code=0)


def a_spec(chunks: int) -> JobSpec:
    facts = {"totalFrames": chunks, "fps": 30, "width": 16, "height": 16, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": "true"}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def run(
    workers: Workers,
    chunks: int,
    *,
    concurrency: int = 10,
    **limits: float,
) -> float:
    """Run a job, and return how long it took."""

    async def execute() -> float:
        kept = Limits(**limits)
        adapter = limited(workers, kept, price=PRICE)
        spread = LoadBalancer([Endpoint(name="there", adapter=adapter, jitter=lambda: 1.0)])
        async with kept.keep_time():
            await JobExecutor(spread, jitter=lambda: 0.0).execute(
                a_spec(chunks),
                RunSettings(concurrency=concurrency, retries=50),
                job_dir=Path(),
            )
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        return runner.run(execute())


def test_a_job_stops_before_it_costs_more_than_it_may() -> None:
    workers = Workers()
    with pytest.raises(CostLimitReached, match=r"the next chunk costs about \$2.0000") as caught:
        run(workers, 100, max_cost=21.0)
    # Ten chunks at two dollars, and one more that doesn't fit.
    assert (workers.done, workers.paid) == (10, 20.0)
    assert caught.value.exit_code == EXIT_LIMIT
    assert "`max_cost`" in caught.value.hint


def test_a_job_that_costs_no_more_than_it_may_is_done() -> None:
    workers = Workers()
    run(workers, 10, max_cost=20.0)
    assert workers.done == 10


def test_what_a_job_cost_before_counts() -> None:
    workers = Workers()
    with pytest.raises(CostLimitReached):
        run(workers, 100, max_cost=20.0, spent=15.0)
    assert workers.done == 2


def test_one_chunk_begins_while_the_cost_of_a_chunk_is_unknown() -> None:
    workers = Workers(lambda _: 30.0)
    with pytest.raises(CostLimitReached):
        run(workers, 100, max_cost=35.0)
    assert workers.paid == 30.0


def test_failed_attempts_are_paid_for() -> None:
    faults = iter([BrowserCrashed("gone"), None] * 50)
    workers = Workers(faults=faults)
    with pytest.raises(CostLimitReached):
        run(workers, 100, concurrency=1, max_cost=21.0)
    assert (workers.done, workers.paid) == (5, 20.0)


@pytest.mark.parametrize(("goes_on", "paid"), [(True, [4.0, 10.0, 15.0]), (False, [4.0] * 3)])
def test_a_cancelled_invocation_is_counted_for_as_long_as_it_may_run(
    goes_on: bool, paid: list[float]
) -> None:
    async def follow() -> list[float]:
        kept = Limits(max_cost=100.0)
        price = Price(second=1.0, invocation=0.0, longest=15.0, goes_on=goes_on)
        adapter = limited(Workers(lambda _: 1_000.0), kept, price=price)
        job = WorkerJob(command="helios", task=Task(job_path="job.json", chunk_id=0))
        running = asyncio.create_task(adapter.execute(job))
        await asyncio.sleep(4.0)
        running.cancel()
        costs = []
        for seconds in (0.0, 6.0, 60.0):
            await asyncio.sleep(seconds)
            costs.append(kept.cost)
        return costs

    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        assert runner.run(follow()) == pytest.approx(paid)


def test_a_refused_invocation_costs_nothing() -> None:
    workers = Workers(faults=iter([WorkerThrottled("slow down")] * 3))
    run(workers, 10, max_cost=20.0)
    assert workers.done == 10


def test_a_job_whose_first_chunk_is_denied_ends_although_others_wait_for_it() -> None:
    workers = Workers(faults=iter([AccessDenied("not you")] * 50))
    with pytest.raises(JobFailed):
        run(workers, 20, max_cost=20.0)


@given(
    st.lists(st.floats(min_value=0.1, max_value=2.0), min_size=1, max_size=60),
    st.floats(min_value=3.0, max_value=100.0),
    st.integers(min_value=1, max_value=20),
)
@settings(max_examples=60)
def test_a_limit_is_passed_by_no_more_than_chunks_differ(
    seconds: list[float], dollars: float, concurrency: int
) -> None:
    workers = Workers(lambda job: seconds[int(job.meta["chunkId"])])
    try:
        run(workers, len(seconds), concurrency=concurrency, max_cost=dollars)
    except CostLimitReached:
        assert sum(seconds) + 2.0 * concurrency > dollars
    # What runs may take longer than any before it did.
    assert workers.paid <= dollars + concurrency * (max(seconds) - min(seconds))


def test_a_deadline_ends_what_runs() -> None:
    workers = Workers(lambda _: 1_000.0)
    with pytest.raises(DeadlineReached, match="within 60 s") as caught:
        run(workers, 10, deadline=60.0)
    assert workers.done == 0
    assert caught.value.exit_code == EXIT_LIMIT
    assert "`deadline`" in caught.value.hint


def test_nothing_begins_that_would_pass_a_deadline() -> None:
    workers = Workers(lambda _: 7.0)
    with pytest.raises(DeadlineReached):
        run(workers, 100, concurrency=1, deadline=30.0)
    # The fifth would have ended after 35 seconds.
    assert (workers.done, workers.paid) == (4, 28.0)


def test_a_run_that_is_done_in_time_is_left_alone() -> None:
    workers = Workers()
    assert run(workers, 10, deadline=60.0) == pytest.approx(2.0)


def test_without_limits_adapters_stay_as_they_are() -> None:
    workers = Workers()
    assert limited(workers, Limits(), price=PRICE) is workers


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), (" 2m5s ", 125)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "0s", "soon", "5 m", "1d", "m", "1m1h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(OptionInvalid, match="`deadline`"):
        parse_duration(text)
