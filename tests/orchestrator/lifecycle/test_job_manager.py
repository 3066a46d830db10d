import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helios.contract.worker_job import WorkerResult
from helios.errors import (
    BrowserCrashed,
    Cancelled,
    DiskFull,
    HeliosError,
    JobBusy,
    JobChanged,
    JobFailed,
    JobNotFound,
    JobPaused,
    JobStateConflict,
    JobStopped,
    report,
)
from orchestrator.job_repository import FileJobRepository, JobRepository, MemoryJobRepository
from orchestrator.job_repository.durable import append_durably, write_durably
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.lifecycle.subscriptions import ChunksReused, JobEvent, StateChanged
from orchestrator.model.events import ChunkFinished, ChunkStarted, FrameProgress, MergeFinished
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import Attempt, ChunkState, JobChunk
from orchestrator.model.job_state import JobState
from tests.orchestrator.job_repository.jobs import START, a_job, a_spec
from tests.orchestrator.little_place import LittleBackend, LittlePlace, interrupted, settle

CRASH = WorkerResult(exit_code=1, stderr="boom\n" + report(BrowserCrashed("it is gone")))
REFUSAL = WorkerResult(exit_code=2, stderr="log line\nerror[OPTION_INVALID]: fps: 0\n")


class Clock:
    """Goes on by a second each time it is looked at."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


class Bench:
    def __init__(self, repository: JobRepository, *, open_gate: bool = True) -> None:
        self.repository = repository
        self.place = LittlePlace(open_gate=open_gate)
        self.manager = JobManager(repository, self.place.backend_of, now=Clock())
        self.events: list[JobEvent] = []
        self.manager.subscribe(lambda _job_id, event: self.events.append(event))

    async def create(self, job_id: str = "job", *, chunks: int = 4, **settings: Any) -> Job:
        job = a_job()
        settings = {"concurrency": 2, "retry_delay": 0.0, **settings}
        return await self.manager.create(
            a_spec(chunks),
            location=job.location,
            settings=job.settings.model_copy(update=settings),
            job_id=job_id,
        )

    @property
    def states(self) -> list[str]:
        return [str(event.state) for event in self.events if isinstance(event, StateChanged)]

    def another(self) -> JobManager:
        """Return the manager of another process, at the same jobs and the same place."""
        return JobManager(self.repository, self.place.backend_of, now=Clock())


@pytest.fixture
def bench() -> Bench:
    return Bench(MemoryJobRepository())


@asynccontextmanager
async def running(bench: Bench, job_id: str = "job") -> AsyncIterator[asyncio.Task[JobSummary]]:
    """Run a job whose chunks don't end until the gate is opened."""
    bench.place.gate.clear()
    task = asyncio.create_task(bench.manager.resume(job_id))
    async with asyncio.timeout(60):
        while len(bench.place.rendered) < 2:  # noqa: ASYNC110 - files are written before
            await asyncio.sleep(0.01)
    yield task
    bench.place.gate.set()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_job_runs_to_its_end_and_is_recorded(bench: Bench) -> None:
    await bench.create()
    assert (await bench.repository.get("job")).state is JobState.PENDING
    summary = await bench.manager.run("job")
    job = await bench.repository.get("job")
    assert job.summary() == summary
    assert (job.state, job.output, job.error) == (JobState.COMPLETED, "job.mp4", None)
    assert (job.chunks_done, job.chunks_failed, job.frames_done) == (4, 0, 40)
    assert START < job.created_at < (job.started_at or START) < (job.ended_at or START)
    assert (job.metrics.runs, job.metrics.attempts, job.metrics.worker_ms) == (1, 4, 400)
    assert job.metrics.wall_ms > 0
    assert START < (job.metrics.merge_started_at or START) < (job.ended_at or START)
    assert set(job.chunks) == {0, 1, 2, 3}
    chunk = job.chunks[2]
    assert chunk.state is ChunkState.DONE
    assert chunk.artifact is not None
    assert chunk.artifact.url == "file:///job/2.mp4"
    (attempt,) = chunk.attempts
    assert (attempt.number, attempt.duration_ms, attempt.worker) == (1, 100, "little")
    assert bench.place.tidied == ["job"]


async def test_subscribers_get_states_chunks_and_frames_in_order(bench: Bench) -> None:
    await bench.create(chunks=1)
    await bench.manager.run("job")
    assert bench.states == ["pending", "running", "completed"]
    kinds = [type(event) for event in bench.events]
    assert kinds.index(ChunksReused) < kinds.index(ChunkStarted) < kinds.index(FrameProgress)
    assert kinds.index(ChunkFinished) < kinds.index(MergeFinished) < len(kinds) - 1


async def test_removed_subscribers_get_no_events(bench: Bench) -> None:
    heard: list[str] = []
    unsubscribe = bench.manager.subscribe(lambda job_id, event: heard.append(job_id))
    await bench.create("first")
    unsubscribe()
    unsubscribe()
    await bench.create("second")
    assert heard == ["first"]


async def test_a_failed_attempt_is_recorded_with_why_and_what_was_said_last(bench: Bench) -> None:
    await bench.create()
    bench.place.script[1] = [CRASH]
    await bench.manager.run("job")
    job = await bench.repository.get("job")
    first, second = job.chunks[1].attempts
    assert first.error is not None
    assert (first.number, first.error.code) == (1, "BROWSER_CRASHED")
    assert (first.log_tail or "").startswith("boom")
    assert (second.number, second.error, second.log_tail) == (2, None, None)
    assert (job.metrics.attempts, job.metrics.failed_attempts) == (5, 1)


async def test_a_failed_job_is_resumed_by_rendering_only_what_is_missing(
    bench: Bench,
) -> None:
    await bench.create(concurrency=1)
    bench.place.script[2] = [REFUSAL]
    with pytest.raises(JobFailed):
        await bench.manager.run("job")
    failed = await bench.repository.get("job")
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "JOB_FAILED"
    assert (failed.chunks_done, failed.chunks_failed) == (2, 1)
    assert failed.chunks[2].state is ChunkState.FAILED
    bench.place.rendered.clear()
    done = await bench.manager.resume("job")
    assert bench.place.rendered == [2, 3, None]
    assert (done.state, done.error, done.chunks_done, done.chunks_failed) == (
        JobState.COMPLETED,
        None,
        4,
        0,
    )
    assert (done.metrics.runs, done.metrics.reused_chunks) == (2, 2)
    assert [a.number for a in (await bench.repository.get("job")).chunks[2].attempts] == [1, 2]


async def test_a_chunk_that_is_gone_since_is_rendered_again(bench: Bench) -> None:
    await bench.create(concurrency=1)
    bench.place.script[3] = [REFUSAL]
    with pytest.raises(JobFailed):
        await bench.manager.run("job")
    bench.place.there["job"].discard(0)
    bench.place.rendered.clear()
    await bench.manager.resume("job")
    assert bench.place.rendered == [0, 3, None]


async def test_a_pause_finishes_what_runs_and_resuming_renders_the_rest(bench: Bench) -> None:
    await bench.create()
    async with running(bench) as task:
        pausing = asyncio.create_task(bench.manager.pause("job"))
        await settle()
        assert not pausing.done()
        bench.place.gate.set()
        with pytest.raises(JobPaused):
            await task
        summary = await pausing
    assert (summary.state, summary.chunks_done, summary.error) == (JobState.PAUSED, 2, None)
    assert bench.place.rendered == [0, 1]
    done = await bench.manager.resume("job")
    assert bench.place.rendered == [0, 1, 2, 3, None]
    assert done.state is JobState.COMPLETED


async def test_cancelling_ends_what_runs_at_once(bench: Bench) -> None:
    await bench.create()
    async with running(bench) as task:
        summary = await bench.manager.cancel("job")
        assert summary.state is JobState.CANCELLED
        with pytest.raises(Cancelled, match="job job was cancelled"):
            await task
    job = await bench.repository.get("job")
    assert {chunk.state for chunk in job.chunks.values()} == {ChunkState.WAITING}
    with pytest.raises(JobStateConflict, match="it can't run") as caught:
        await bench.manager.run("job")
    assert "orchestrator resume job" in caught.value.hint
    done = await bench.manager.resume("job")
    assert (done.state, done.chunks_done) == (JobState.COMPLETED, 4)
    first, second = (await bench.repository.get("job")).chunks[0].attempts
    assert first.duration_ms
    assert (first.error, second.duration_ms) == (None, 100)


async def test_resuming_afresh_renders_everything_anew(bench: Bench) -> None:
    await bench.create(concurrency=1)
    bench.place.script[3] = [REFUSAL]
    with pytest.raises(JobFailed):
        await bench.manager.run("job")
    bench.place.rendered.clear()
    await bench.manager.resume("job", fresh=True)
    assert bench.place.rendered == [0, 1, 2, 3, None]


@pytest.mark.parametrize("verb", ["pause", "cancel"])
async def test_what_another_process_runs_can_be_ended_from_here(bench: Bench, verb: str) -> None:
    await bench.create()
    async with running(bench) as task:
        other = bench.another()
        asked = asyncio.create_task(getattr(other, verb)("job"))
        await asyncio.sleep(0.05)
        bench.place.gate.set()
        summary = await asked
        assert summary.state == {"pause": "paused", "cancel": "cancelled"}[verb]
        with pytest.raises(Cancelled):
            await task


async def test_a_job_that_completes_before_a_pause_request_is_completed(bench: Bench) -> None:
    await bench.create(chunks=2)
    bench.place.gate.clear()
    task = asyncio.create_task(bench.manager.run("job"))
    await settle()
    pausing = asyncio.create_task(bench.another().pause("job"))
    bench.place.gate.set()
    assert (await task).state is JobState.COMPLETED
    assert (await pausing).state is JobState.COMPLETED


async def test_a_job_that_has_not_begun_can_be_paused_cancelled_and_begun(bench: Bench) -> None:
    await bench.create()
    assert (await bench.manager.pause("job")).state is JobState.PAUSED
    assert (await bench.manager.cancel("job")).state is JobState.CANCELLED
    assert (await bench.manager.resume("job")).state is JobState.COMPLETED
    assert bench.states == ["pending", "paused", "cancelled", "running", "completed"]


@pytest.mark.parametrize("verb", ["pause", "cancel", "resume", "run"])
async def test_a_completed_job_stays_completed(bench: Bench, verb: str) -> None:
    await bench.create()
    done = await bench.manager.run("job")
    with pytest.raises(JobStateConflict, match="job job is completed"):
        await getattr(bench.manager, verb)("job")
    assert (await bench.repository.get("job")).summary() == done


@pytest.mark.parametrize("verb", ["pause", "cancel", "resume", "run", "delete"])
async def test_a_job_that_is_not_kept_is_told_so(bench: Bench, verb: str) -> None:
    with pytest.raises(JobNotFound):
        await getattr(bench.manager, verb)("nothing")


async def test_a_job_runs_once_at_a_time(bench: Bench) -> None:
    await bench.create()
    async with running(bench):
        for manager in (bench.manager, bench.another()):
            with pytest.raises(JobBusy):
                await manager.resume("job")
            with pytest.raises(JobBusy):
                await manager.delete("job")
    assert bench.place.rendered == [0, 1, 2, 3, None]


async def test_stopping_the_process_pauses_the_job_with_an_error(bench: Bench) -> None:
    await bench.create()
    async with running(bench) as task:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    job = await bench.repository.get("job")
    assert job.state is JobState.PAUSED
    assert job.error is not None
    assert job.error.code == "CANCELLED"
    assert (await bench.manager.resume("job")).state is JobState.COMPLETED


async def test_a_reason_to_stop_pauses_the_job_and_is_kept(bench: Bench) -> None:
    class Enough(JobStopped):
        code = "ENOUGH"

    await bench.create(concurrency=1)
    bench.place.script[1] = [Enough("the money is spent")]
    with pytest.raises(Enough):
        await bench.manager.run("job")
    job = await bench.repository.get("job")
    assert (job.state, job.chunks_done) == (JobState.PAUSED, 1)
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("ENOUGH", "the money is spent")
    assert job.chunks[1].state is ChunkState.WAITING


async def test_a_mistake_in_the_code_fails_the_job_and_is_not_swallowed(bench: Bench) -> None:
    await bench.create()
    bench.place.script[0] = [ZeroDivisionError("oops")]
    with pytest.raises(ZeroDivisionError):
        await bench.manager.run("job")
    job = await bench.repository.get("job")
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("INTERNAL", "ZeroDivisionError: oops")


async def test_a_job_whose_process_died_is_found_and_resumed(bench: Bench) -> None:
    job = await bench.create()
    # What a process that is killed leaves behind: a record that says running, and no claim.
    async with bench.repository.claim("job") as claim:
        await claim.save(job.moved(JobState.RUNNING, at=START))
    bench.place.there["job"] = {0, 3}
    (found,) = await interrupted(bench.repository)
    assert found.id == "job"
    done = await bench.manager.resume("job")
    assert done.state is JobState.COMPLETED
    assert bench.place.rendered == [1, 2, None]
    assert await interrupted(bench.repository) == []


@pytest.mark.parametrize(
    ("verb", "state"), [("pause", JobState.PAUSED), ("cancel", JobState.CANCELLED)]
)
async def test_a_job_whose_process_died_can_be_paused_and_cancelled(
    bench: Bench, verb: str, state: JobState
) -> None:
    job = await bench.create()
    async with bench.repository.claim("job") as claim:
        await claim.save(job.moved(JobState.RUNNING, at=START))
    assert (await getattr(bench.manager, verb)("job")).state is state


@pytest.mark.parametrize("verb", ["pause", "cancel"])
async def test_attempts_of_a_dead_process_are_recorded_as_interrupted_when_its_job_is_ended(
    bench: Bench, verb: str
) -> None:
    job = await bench.create()
    attempt = Attempt(number=1, started_at=START)
    done = attempt.model_copy(update={"duration_ms": 5.0})
    async with bench.repository.claim("job") as claim:
        await claim.save(job.moved(JobState.RUNNING, at=START))
        await claim.record(
            [
                JobChunk(id=0, state=ChunkState.DONE, attempts=[done]),
                JobChunk(id=1, state=ChunkState.RUNNING, attempts=[attempt]),
            ]
        )
    ended = await getattr(bench.manager, verb)("job")
    assert (ended.chunks_done, ended.frames_done) == (1, 10)
    chunks = (await bench.repository.get("job")).chunks
    assert [chunk.state for chunk in chunks.values()] == [ChunkState.DONE, ChunkState.WAITING]
    assert chunks[1].attempts == [attempt.interrupted()]
    assert chunks[1].attempts[0].error is not None


async def test_a_running_job_is_not_called_interrupted(bench: Bench) -> None:
    await bench.create()
    async with running(bench):
        assert await interrupted(bench.repository) == []


async def test_jobs_of_one_manager_run_side_by_side(bench: Bench) -> None:
    ids = ["a", "b", "c"]
    for job_id in ids:
        await bench.create(job_id, chunks=2)
    done = await asyncio.gather(*(bench.manager.run(job_id) for job_id in ids))
    assert [job.state for job in done] == [JobState.COMPLETED] * 3
    bench.place.script[0] = [REFUSAL]
    await bench.create("d", chunks=2)
    with pytest.raises(JobFailed):
        await bench.manager.run("d")
    assert (await bench.repository.get("d")).state is JobState.FAILED


async def test_cancelling_a_task_that_runs_a_job_pauses_the_job(bench: Bench) -> None:
    bench.place.gate.clear()
    await bench.create(chunks=2)
    task = asyncio.create_task(bench.manager.run("job"))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (summary,) = (await bench.repository.list()).jobs
    assert summary.state is JobState.PAUSED


async def test_deleting_forgets_the_job_and_discards_what_it_left_if_asked(bench: Bench) -> None:
    for job_id in ("one", "two"):
        await bench.create(job_id)
        await bench.manager.run(job_id)
    await bench.manager.delete("one")
    await bench.manager.delete("two", discard=True)
    assert not (await bench.repository.list()).jobs
    assert bench.place.discarded == ["two"]


async def test_a_full_disk_for_records_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(FileJobRepository(tmp_path))
    await bench.create()
    full, refused = True, list[bytes]()

    def maybe(write: Callable[..., None]) -> Callable[..., None]:
        def write_or_not(path: Path, data: bytes) -> None:
            if full:
                refused.append(data)
                raise DiskFull("no space")
            write(path, data)

        return write_or_not

    place = "orchestrator.job_repository.file_claim.append_durably"
    monkeypatch.setattr(place, maybe(append_durably))
    async with running(bench) as task:
        async with asyncio.timeout(60):
            while not refused:  # noqa: ASYNC110 - a thread sends no events
                await asyncio.sleep(0.01)
        full = False
        bench.place.gate.set()
        await task
    job = await bench.repository.get("job")
    assert job.state is JobState.COMPLETED
    assert {chunk.state for chunk in job.chunks.values()} == {ChunkState.DONE}


async def test_a_disk_that_is_full_for_a_moment_at_the_end_loses_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(FileJobRepository(tmp_path))
    await bench.create()
    refusals = 0

    def write_or_not(path: Path, data: bytes) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise DiskFull("no space")
        append_durably(path, data)

    monkeypatch.setattr("orchestrator.job_repository.file_claim.append_durably", write_or_not)
    async with running(bench) as task:
        refusals = 3
        bench.place.gate.set()
        await task
    job = await bench.repository.get("job")
    assert refusals == 0
    assert {chunk.state for chunk in job.chunks.values()} == {ChunkState.DONE}
    assert job.chunks_done == len(job.chunks)


async def test_progress_is_written_while_the_job_runs(tmp_path: Path) -> None:
    bench = Bench(FileJobRepository(tmp_path))
    await bench.create()
    async with running(bench):
        async with asyncio.timeout(60):
            seen = await FileJobRepository(tmp_path).get("job")
            while not seen.frames_done:
                await asyncio.sleep(0.05)
                seen = await FileJobRepository(tmp_path).get("job")
        assert (seen.state, seen.frames_done) == (JobState.RUNNING, 10)
        assert {chunk.state for chunk in seen.chunks.values()} == {ChunkState.RUNNING}


async def test_a_run_may_end_while_a_slow_disk_takes_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def write_slowly(path: Path, data: bytes) -> None:
        begun.append(path.name)
        time.sleep(0.2)
        write_durably(path, data)

    bench = Bench(FileJobRepository(tmp_path))
    await bench.create()
    monkeypatch.setattr("orchestrator.lifecycle.recorder.SUMMARY_INTERVAL", 0)
    monkeypatch.setattr("orchestrator.job_repository.file_claim.write_durably", write_slowly)
    async with running(bench) as task:
        async with asyncio.timeout(60):
            # The first one told that it runs.
            while begun.count("job.json") < 2:  # noqa: ASYNC110 - a thread sends no events
                await asyncio.sleep(0.01)
        bench.place.gate.set()
        assert (await task).state is JobState.COMPLETED
    assert (await bench.repository.get("job")).state is JobState.COMPLETED


async def test_a_run_that_lost_its_claim_ends_and_leaves_the_record_to_the_other(
    bench: Bench,
) -> None:
    await bench.create()
    repository = bench.repository
    assert isinstance(repository, MemoryJobRepository)
    async with running(bench) as task:
        # As when a lease expired while this process slept.
        del repository._claims["job"]
        async with repository.claim("job") as claim:
            taken = await claim.save((await claim.load()).moved(JobState.CANCELLED, at=START))
            with pytest.raises(JobChanged):
                await task
    assert await repository.summary("job") == taken


async def test_only_what_is_wanted_is_counted(bench: Bench) -> None:
    await bench.create(only=[1, 2])
    bench.place.there["job"] = {0, 1}
    job = await bench.repository.get("job")
    assert job.chunks_total == 2


async def test_an_error_of_the_place_before_anything_runs_fails_the_job(bench: Bench) -> None:
    class Broken(LittleBackend):
        async def run(self, **_: Any) -> str:
            raise HeliosError("the place is closed")

    manager = JobManager(bench.repository, lambda job: Broken(job, bench.place))
    await bench.create()
    with pytest.raises(HeliosError, match="closed"):
        await manager.run("job")
    assert (await bench.repository.get("job")).state is JobState.FAILED
