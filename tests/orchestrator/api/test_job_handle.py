"""Handles on jobs of this machine: submitted, ended early, gone on with, fetched and deleted."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import orchestrator
from helios.contract.job_spec import JobSpec
from helios.errors import (
    Cancelled,
    JobBusy,
    JobFailed,
    JobNotFound,
    JobPaused,
    JobStateConflict,
    OptionInvalid,
)
from orchestrator import JobHandle, Local, get_job
from orchestrator.api.jobs.background import start_in_background
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.manager import manager_of
from orchestrator.api.jobs.recorded_job import RecordedJob
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.rendering.spec_runs import prepare_spec
from orchestrator.delivery.destination import Destination
from orchestrator.display.display import SilentDisplay
from tests.helios.worker_setup import FRAMES, drawing, make_spec
from tests.orchestrator.cloud_sites import frame_hashes

pytestmark = pytest.mark.slow

CHUNKS = 3


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELIOS_JOBS", str(tmp_path / "jobs"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def start(spec: JobSpec, **settings: object) -> JobHandle:
    """Have another process run a job spec, as `submit` does with what it plans."""

    async def begin() -> str:
        path = Path("job/job.json").absolute()
        path.parent.mkdir()
        path.write_text(spec.to_json(), "utf-8")
        wanted = RenderSettings.of(settings)
        job = await prepare_spec(path, Destination.of("v.mp4"), [Local()], wanted)
        async with JobStore().open() as repository:
            created = await job.create(manager_of(repository, SilentDisplay()))
            await start_in_background(created.id, JobStore(), repository, resume=False)
        return created.id

    return JobHandle(RecordedJob(asyncio.run(begin()), JobStore()))


def slow_job() -> JobSpec:
    """Return a job whose second chunk takes a while."""
    commands = [drawing(n, f"chunks/{n:05}.mp4") for n in range(CHUNKS)]
    commands[1] = commands[1].replace("PTS-STARTPTS", "PTS-STARTPTS,realtime=speed=0.02")
    return make_spec(commands)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_is_cancelled_and_resumed_in_another_process(tmp_path: Path) -> None:
    job = start(slow_job(), concurrency=1)
    until(lambda: job.status().chunks_done == 1)
    with pytest.raises(TimeoutError):
        job.wait(timeout=0.1)
    with pytest.raises(JobBusy):
        job.delete()
    assert job.cancel().state == "cancelled"
    with pytest.raises(Cancelled, match="cancelled"):
        job.wait()

    assert job.resume(wait=False, concurrency=2) is None
    video = job.wait(timeout=100, interval=0.1)
    assert video.path == tmp_path / "v.mp4"
    assert len(frame_hashes(str(video.path))) == CHUNKS * FRAMES
    with pytest.raises(JobStateConflict):
        job.resume()
    with pytest.raises(JobStateConflict):
        job.pause()


@pytest.mark.long
def test_a_paused_job_is_resumed_in_this_process(tmp_path: Path) -> None:
    job = start(slow_job(), concurrency=1)
    until(lambda: job.status().state == "running")
    assert job.pause().state == "paused"
    with pytest.raises(JobPaused, match="paused"):
        job.wait()
    assert job.resume(concurrency=3).frames == CHUNKS * FRAMES
    assert [log.chunk_id for log in job.logs()] == [0, 1, 2]
    assert job.verify().compared == CHUNKS - 1


def test_a_failed_job_says_why_and_keeps_what_its_commands_said() -> None:
    commands = [drawing(0, "chunks/00000.mp4"), "ffmpeg -v error -i gone.mp4 chunks/00001.mp4"]
    job = start(make_spec(commands), retries=0)
    with pytest.raises(JobFailed, match="COMMAND_FAILED"):
        job.wait(timeout=60, interval=0.1)
    status = job.status()
    assert [chunk.chunk_id for chunk in status.failed_chunks] == [1]
    [log] = job.logs(1)
    assert "gone.mp4" in log.text
    with pytest.raises(JobStateConflict, match="there is no video"):
        job.download("copy.mp4")


def test_a_job_is_deleted_with_its_chunks_and_without_its_video(tmp_path: Path) -> None:
    job = start(make_spec([drawing(0, "chunks/00000.mp4")]))
    job.wait(timeout=60, interval=0.1)
    job.delete(chunks=True)
    assert list(Path("job").glob("chunks/*")) == []
    assert (tmp_path / "v.mp4").is_file()
    for look in (job.status, lambda: get_job(job.id)):
        with pytest.raises(JobNotFound):
            look()


def test_a_job_has_to_be_kept_for_another_process_to_run_it() -> None:
    with pytest.raises(OptionInvalid, match="`job_store` none"):
        orchestrator.submit("page", "v.mp4", job_store="none")
    with pytest.raises(OptionInvalid, match="`request_id`: goes with"):
        orchestrator.submit("page", "v.mp4", request_id="mine")


async def test_the_blocking_form_is_refused_where_an_event_loop_runs() -> None:
    with pytest.raises(RuntimeError, match="await the async form"):
        orchestrator.jobs()
    assert await orchestrator.jobs_async() == []
