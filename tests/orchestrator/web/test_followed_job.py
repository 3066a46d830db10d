"""What pages are sent of a job that is followed by its records."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from helios.records.chunk_trace import FramePicture
from orchestrator.api.jobs.async_job import ReportDetail
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.cost import AwsWorkers, Cost, Usage, cost_of
from orchestrator.report.report import Report, SeamPair, SeamReport
from orchestrator.web import followed_job
from orchestrator.web.followed_job import FollowedJob
from tests.orchestrator.web.reports import a_report

PAIR = SeamPair(frame=9, before="/9j/2Q==", after="/9j/2Q==")


class Ended(RecordedJob):
    """A job with remote workers that has ended: what its reports have by their detail."""

    def __init__(self) -> None:
        super().__init__("job", JobStore("none"))
        self.ended_at = datetime.now(UTC)
        self.asked: asyncio.Queue[ReportDetail] = asyncio.Queue()

    async def status(self) -> Any:
        return SimpleNamespace(ended_at=self.ended_at)

    async def record(self) -> Any:
        location = SimpleNamespace(is_local=False, output=None)
        return SimpleNamespace(spec=None, location=location)

    async def cost(self) -> Cost | None:
        return cost_of(Usage(chunks=2, chunk_seconds=9, invocations=2), AwsWorkers())

    async def report(self, *, detail: ReportDetail = "all") -> Report:
        self.asked.put_nowait(detail)
        shown: dict[str, Any] = {"seams": SeamReport(proven=1)}
        if detail == "all":
            shown = {
                "seams": SeamReport(proven=1, pairs=[PAIR]),
                "waveform": [1, 2],
                "filmstrip": [FramePicture(frame=4, jpeg="/9j/2Q==")],
            }
        return a_report(state="completed", where="remote", ended_at=self.ended_at, **shown)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_job, "PATCH_INTERVAL", 0.001)
    monkeypatch.setattr(followed_job, "RECORD_INTERVAL", 0.0)
    monkeypatch.setattr(followed_job, "_RECORD_SHARE", 1.0)


async def reports_of(job: Ended) -> list[dict[str, Any]]:
    """Follow a job with a page until all was read of it; return the reports that it was sent."""
    followed = FollowedJob(lambda: job)
    queue = followed.stream.open()
    async with followed.following(), asyncio.timeout(5):
        while await job.asked.get() != "all":
            pass
        await asyncio.sleep(0.05)
    messages = [queue.get_nowait().decode() for _ in range(queue.qsize())]
    return [
        json.loads(message.partition("data: ")[2])
        for message in messages
        if message.startswith("event: report")
    ]


async def test_the_last_report_has_what_earlier_ones_had() -> None:
    last = (await reports_of(Ended()))[-1]
    assert (last["ended"], last["waveform"]) == (True, [1, 2])
    assert last["cost"]["total"] > 0
    assert last["seams"]["pairs"] == [PAIR.model_dump(by_alias=True)]
    # There is no server any more that has the pictures.
    assert last["filmstrip"] == [{"frame": 4, "jpeg": "/9j/2Q=="}]


async def test_what_the_video_of_an_ended_job_shows_is_read_once() -> None:
    job = Ended()
    await reports_of(job)
    # The one that is left is that of the end.
    assert [job.asked.get_nowait() for _ in range(job.asked.qsize())] == ["traces"]


async def test_a_job_that_was_resumed_is_read_again() -> None:
    job = Ended()
    followed = FollowedJob(lambda: job)
    followed.stream.open()
    async with followed.following(), asyncio.timeout(5):
        while await job.asked.get() != "all":
            pass
        job.ended_at = datetime.now(UTC)
        await job.asked.get()
