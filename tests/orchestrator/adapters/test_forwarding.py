"""Adapters that wrap another one pass on what they don't change."""

import asyncio

from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.adapters.base import ForwardingAdapter, TakenCallback
from orchestrator.model.limits import Limits
from orchestrator.scheduling.hedging import HedgedAdapter
from orchestrator.scheduling.limited_adapter import LimitedAdapter
from orchestrator.scheduling.straggler_rule import StragglerRule

CHUNK = WorkerJob(command="helios", task=Task(job_path="job.json", chunk_id=3))


class Queueing(WorkerAdapter):
    """Takes each job at once, and notes what it is asked for."""

    queues = True

    def __init__(self) -> None:
        self.asked: list[WorkerJob] = []
        self.closed = False
        self._tell: TakenCallback | None = None

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        self.asked.append(job)
        if self._tell is not None:
            self._tell(job, "there")
        if on_output is not None:
            on_output("stdout", "a line")
        return WorkerResult(exit_code=0, stdout="done")

    def when_taken(self, tell: TakenCallback) -> None:
        self._tell = tell

    async def close(self) -> None:
        self.closed = True


class AsItIs(ForwardingAdapter):
    """Adds nothing."""


def wrapped(inner: WorkerAdapter) -> WorkerAdapter:
    """Return an adapter below one of each kind that wraps others."""
    limited = LimitedAdapter(AsItIs(inner), Limits(), price=None)
    return HedgedAdapter(limited, StragglerRule(1), at_once=1, on_backup=lambda *_: None)


def test_jobs_results_and_output_pass_through() -> None:
    inner = Queueing()
    lines: list[tuple[str, str]] = []
    adapter = wrapped(inner)

    result = asyncio.run(adapter.execute(CHUNK, on_output=lambda *line: lines.append(line)))

    assert inner.asked == [CHUNK]
    assert (result.stdout, lines) == ("done", [("stdout", "a line")])


def test_whether_jobs_wait_and_what_takes_them_pass_through() -> None:
    inner = Queueing()
    taken: list[tuple[WorkerJob, str | None]] = []
    adapter = wrapped(inner)
    adapter.when_taken(lambda *told: taken.append(told))

    asyncio.run(adapter.execute(CHUNK))

    assert adapter.queues
    assert taken == [(CHUNK, "there")]


def test_connections_are_closed_through_all_of_them() -> None:
    inner = Queueing()

    asyncio.run(wrapped(inner).close())

    assert inner.closed
