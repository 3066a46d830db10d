"""What receivers hear of jobs: every end of one, at least once, and progress if they want it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from helios.contract.worker_job import WorkerResult
from helios.errors import HeliosError, JobFailed, JobStopped, WebhookUndelivered
from helios.webhooks.delivery import WebhookSender
from orchestrator.job_repository import MemoryJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.lifecycle.webhooks import Webhooks
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings
from tests.helios.receiver import SECRET, Receiver, receiving
from tests.orchestrator.job_repository.jobs import a_job, a_spec
from tests.orchestrator.little_place import LittlePlace, settle


class Bench:
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.repository = MemoryJobRepository()
        self.place = LittlePlace()
        self.faults: list[WebhookUndelivered] = []
        self.manager = self.manager_with(WebhookSender(SECRET, attempts=1, timeout=5))

    def manager_with(self, sender: WebhookSender | None) -> JobManager:
        webhooks = Webhooks(sender, on_fault=self.faults.append)
        return JobManager(self.repository, self.place.backend_of, webhooks=webhooks)

    async def create(self, *, progress: float | None = None) -> str:
        job = a_job()
        webhook = WebhookSettings(url=self.receiver.url, progress=progress)
        settings = job.settings.model_copy(update={"retries": 0, "webhook": webhook})
        created = await self.manager.create(
            a_spec(4), location=job.location, settings=settings, name="page"
        )
        return created.id

    @property
    def told(self) -> list[str]:
        return [event.type for event in self.receiver.events]


@pytest.fixture
def bench() -> Iterator[Bench]:
    with receiving() as receiver:
        yield Bench(receiver)


async def test_a_receiver_gets_the_completion_and_the_location_of_the_video(
    bench: Bench,
) -> None:
    job = await bench.create()
    await bench.manager.run(job)
    [event] = bench.receiver.events
    assert (event.type, event.job_id, event.name) == ("job.completed", job, "page")
    assert (event.output, event.chunks_done, event.frames_done) == (f"{job}.mp4", 4, 40)
    assert (await bench.repository.get(job)).undelivered == []


async def test_a_receiver_gets_a_failure_and_the_later_completion(bench: Bench) -> None:
    job = await bench.create()
    bench.place.script[2] = [WorkerResult(exit_code=2, stderr="no\n")]
    with pytest.raises(JobFailed):
        await bench.manager.run(job)
    await bench.manager.resume(job)
    assert bench.told == ["job.failed", "job.completed"]
    error = bench.receiver.events[0].error
    assert error is not None
    assert error.code == "JOB_FAILED"


async def test_a_receiver_gets_one_event_for_a_job_cancelled_by_any_process(bench: Bench) -> None:
    job = await bench.create()
    bench.place.gate.clear()
    running = asyncio.create_task(bench.manager.run(job))
    await settle()
    other = bench.manager_with(WebhookSender(SECRET))
    await other.cancel(job)
    with pytest.raises(HeliosError):
        await running
    assert {event.id for event in bench.receiver.events} == {bench.receiver.events[0].id}
    assert set(bench.told) == {"job.cancelled"}
    waiting = await bench.create()
    await other.cancel(waiting)
    assert bench.receiver.events[-1].job_id == waiting


async def test_an_event_is_sent_for_a_pause_that_was_not_requested(bench: Bench) -> None:
    job = await bench.create()
    await bench.manager.pause(job)
    assert bench.told == []
    bench.place.script[1] = [JobStopped("the money is spent")]
    with pytest.raises(JobStopped):
        await bench.manager.resume(job)
    assert bench.told == ["job.paused"]


async def test_what_a_receiver_does_not_take_is_kept_and_sent_again(bench: Bench) -> None:
    job = await bench.create()
    bench.receiver.answers = [500]
    assert (await bench.manager.run(job)).state is JobState.COMPLETED
    assert "status 500" in bench.faults[0].message
    # Another process, later.
    later = bench.manager_with(WebhookSender(SECRET))
    assert [found.id for found in await later.undelivered()] == [job]
    assert await later.notify(job)
    assert bench.told == ["job.completed"]
    assert len(set(bench.receiver.asked)) == 1
    assert await later.undelivered() == []
    assert await later.notify(job)
    assert len(bench.receiver.asked) == 2


async def test_an_event_outlives_the_process_that_should_have_sent_it(bench: Bench) -> None:
    job = await bench.create()
    # No event is sent, as when the process is killed right after the job's end.
    await JobManager(bench.repository, bench.place.backend_of).run(job)
    assert bench.told == []
    assert await bench.manager.notify(job)
    assert bench.told == ["job.completed"]


async def test_without_the_secret_nothing_is_sent_and_nothing_is_lost(bench: Bench) -> None:
    job = await bench.create()
    unsigned = bench.manager_with(None)
    await unsigned.run(job)
    assert "HELIOS_WEBHOOK_SECRET" in bench.faults[0].hint
    assert not await unsigned.notify(job)
    assert await bench.manager.notify(job)


async def test_progress_is_told_on_request_and_not_more_often_than_wanted(bench: Bench) -> None:
    job = await bench.create(progress=1e-6)
    bench.place.gate.clear()
    running = asyncio.create_task(bench.manager.run(job))
    async with asyncio.timeout(60):
        while not bench.receiver.events:  # noqa: ASYNC110 - a server's thread sends no events
            await asyncio.sleep(0.01)
        bench.place.gate.set()
        await running
    first = bench.receiver.events[0]
    assert (first.type, first.frames_total) == ("job.progress", 40)
    assert 0 < first.frames_done <= 20
    assert bench.told[-1] == "job.completed"
    seldom = await bench.create(progress=60)
    await bench.manager.run(seldom)
    told: list[Any] = [e.type for e in bench.receiver.events if e.job_id == seldom]
    assert told == ["job.completed"]
