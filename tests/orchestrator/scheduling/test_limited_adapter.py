"""An adapter that keeps to limits passes on what it doesn't change."""

import asyncio

from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.adapters.base import TakenCallback
from orchestrator.model.limits import Limits
from orchestrator.scheduling.limited_adapter import LimitedAdapter

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


def limited(inner: WorkerAdapter) -> WorkerAdapter:
    return LimitedAdapter(inner, Limits(), price=None)


def test_jobs_results_and_output_pass_through() -> None:
    inner = Queueing()
    lines: list[tuple[str, str]] = []
    adapter = limited(inner)

    result = asyncio.run(adapter.execute(CHUNK, on_output=lambda *line: lines.append(line)))

    assert inner.asked == [CHUNK]
    assert (result.stdout, lines) == ("done", [("stdout", "a line")])


def test_whether_jobs_wait_and_what_takes_them_pass_through() -> None:
    inner = Queueing()
    taken: list[tuple[WorkerJob, str | None]] = []
    adapter = limited(inner)
    adapter.when_taken(lambda *told: taken.append(told))

    asyncio.run(adapter.execute(CHUNK))

    assert adapter.queues
    assert taken == [(CHUNK, "there")]


def test_connections_are_closed() -> None:
    inner = Queueing()

    asyncio.run(limited(inner).close())

    assert inner.closed
