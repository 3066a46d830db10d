"""Jobs by their location: what runs where, what is kept of earlier runs, what is removed."""

import functools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import JobFailed, MergeFailed, OptionInvalid
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.backends.opening import open_backend
from orchestrator.backends.upload import upload_job
from orchestrator.delivery.packaging import PackagedJob
from orchestrator.delivery.stores import Stores
from orchestrator.display import time_use
from orchestrator.job_repository import MemoryJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.model.job import Job
from orchestrator.model.job_state import JobState
from orchestrator.model.location import AdapterSettings, JobLocation
from orchestrator.model.settings import RunSettings, Stitch
from tests.helios.worker_setup import make_spec
from tests.orchestrator.remote_site import Notes, RemoteSite

pytestmark = pytest.mark.slow

#: A merge of a program that isn't this project's.
OWN_MERGE = "ffmpeg -v error -i chunks/00000.mp4 -c copy mine.mp4"


class Counting(WorkerAdapter):
    """Runs jobs here, and keeps which chunks they were; those in `fails` are refused."""

    def __init__(self) -> None:
        self.chunks: list[object] = []
        self.fails: set[int] = set()

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        chunk_id = job.meta.get("chunkId")
        self.chunks.append(chunk_id)
        if chunk_id in self.fails:
            return WorkerResult(exit_code=2, stderr="no\n")
        return await LocalWorkerAdapter().execute(job, on_output=on_output)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job_dir = folder / "v.mp4.job"
        self.place = Counting()
        self.notes = Notes()
        self.manager = JobManager(
            MemoryJobRepository(),
            functools.partial(open_backend, local=self.place, display=self.notes),
        )

    async def create(self, *, chunks: int = 3, **location: Any) -> Job:
        spec = make_spec(chunks=chunks)
        return await self.manager.create(
            spec,
            location=JobLocation(
                job_path=str(self.job_dir / "job.json"),
                output=str(self.folder / "v.mp4"),
                **location,
            ),
            settings=RunSettings(concurrency=1, retries=0, retry_delay=0.0),
        )

    async def fail_at(self, chunk_id: int, **location: Any) -> Job:
        job = await self.create(**location)
        self.place.fails = {chunk_id}
        with pytest.raises(JobFailed):
            await self.manager.run(job.id)
        self.place.fails = set()
        self.place.chunks.clear()
        return job


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_finished_job_leaves_its_video_and_no_folder_unless_it_is_to_be_kept(
    bench: Bench,
) -> None:
    kept = await bench.create()
    assert (await bench.manager.run(kept.id)).output == str(bench.folder / "v.mp4")
    assert sorted(path.name for path in bench.job_dir.iterdir()) == ["chunks", "job.json"]
    await bench.manager.run((await bench.create(keep=False)).id)
    assert [path.name for path in bench.folder.iterdir()] == ["v.mp4"]


async def test_the_last_that_a_run_of_any_length_tells_is_its_completion(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_use, "LEAST_SECONDS", 0.0)
    await bench.manager.run((await bench.create()).id)
    kinds = [kind for kind, _, _ in bench.notes.notes]
    assert "time_use" in kinds
    assert kinds[-1] == "completed"


async def test_a_resumed_job_renders_what_is_missing_or_damaged(bench: Bench) -> None:
    job = await bench.fail_at(2)
    (bench.job_dir / "chunks" / "00001.mp4").write_bytes(b"damaged")
    done = await bench.manager.resume(job.id)
    assert bench.place.chunks == [1, 2, None]
    assert (done.state, done.metrics.reused_chunks) == (JobState.COMPLETED, 1)


@pytest.mark.long
async def test_chunks_of_another_job_in_the_same_folder_are_not_taken_for_ones_own(
    bench: Bench,
) -> None:
    job = await bench.fail_at(2)
    other = await bench.create(chunks=2)
    (bench.job_dir / "job.json").write_text(other.spec.to_json())
    await bench.manager.resume(job.id)
    assert bench.place.chunks == [0, 1, 2, None]


@pytest.mark.long
async def test_a_folder_that_was_removed_is_made_again(bench: Bench) -> None:
    job = await bench.fail_at(1)
    for path in sorted(bench.job_dir.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert (await bench.manager.resume(job.id)).state is JobState.COMPLETED
    assert (bench.job_dir / "job.json").exists()


async def test_a_job_whose_folder_is_on_another_machine_is_left_to_that_one(bench: Bench) -> None:
    job = await bench.create(machine="elsewhere.example")
    with pytest.raises(OptionInvalid, match=r"is on elsewhere\.example"):
        await bench.manager.run(job.id)


@pytest.mark.long
async def test_a_fresh_retry_and_a_discarding_delete_remove_chunks(bench: Bench) -> None:
    job = await bench.fail_at(2, keep=False)
    bench.place.fails = {0}
    with pytest.raises(JobFailed):
        await bench.manager.resume(job.id, fresh=True)
    assert not list(bench.job_dir.glob("chunks/*"))
    await bench.manager.delete(job.id, discard=True)
    assert not bench.job_dir.exists()


class Elsewhere:
    """A job whose chunks are drawn from its composition, at a site that has a storage."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.page = folder / "page"
        self.page.mkdir()
        self.draw("red")
        self.site = RemoteSite(folder, "site")
        self.display = Notes()
        backend_of = functools.partial(
            open_backend,
            display=self.display,
            opener=lambda settings, **_: [self.site.workers()],
        )
        self.manager = JobManager(MemoryJobRepository(), backend_of)
        monkeypatch.chdir(folder)

    def draw(self, colour: str) -> None:
        picture = f"color={colour}:s=160x90:r=30:d=1"
        target = str(self.page / "picture.png")
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-frames:v", "1"]
        subprocess.run([*command, target], check=True)

    async def create(
        self,
        *,
        machine: str | None = None,
        merge: str | None = None,
        stitch: Stitch = Stitch.AUTO,
    ) -> Job:
        # `helios render` is what names the composition; the other commands only read it.
        commands = [
            "ffmpeg -loglevel error -loop 1 -framerate 30 -i composition/picture.png"
            f" -frames:v 10 -c:v libx264 -pix_fmt yuv420p chunks/0000{n}.mp4"
            for n in range(3)
        ]
        spec = make_spec(commands, id="a-job", merge=merge)
        folder = self.folder / "job"
        folder.mkdir()
        packed = PackagedJob(spec, self.page)
        async with Stores() as stores:
            artifacts = self.site.workers().artifacts
            stored = await upload_job(packed, artifacts=[artifacts], stores=stores)
        return await self.manager.create(
            stored[artifacts].spec,
            location=JobLocation(
                adapters=[AdapterSettings(kind="lambda", artifacts=artifacts)],
                job_path=str(folder / "job.json"),
                machine=machine,
                output=str(self.folder / "v.mp4"),
            ),
            settings=RunSettings(concurrency=1, retries=0, retry_delay=0.0, stitch=stitch),
        )

    async def fail_at(self, job: Job, chunk_id: int) -> None:
        refusal = WorkerResult(exit_code=2, stderr="no\n")
        self.site.adapter._answer = lambda asked: (
            refusal if asked.meta.get("chunkId") == chunk_id else None
        )
        with pytest.raises(JobFailed):
            await self.manager.run(job.id)
        self.site.adapter._answer = lambda _: None
        self.site.adapter.jobs.clear()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(tmp_path, monkeypatch)


async def test_workers_are_asked_only_for_chunks_that_are_not_in_storage(
    elsewhere: Elsewhere,
) -> None:
    job = await elsewhere.create()
    await elsewhere.fail_at(job, 2)
    # One was cut short in storage.
    [name] = elsewhere.site.names("jobs/a-job/chunks/0-*.mp4")
    (elsewhere.site.folder / name).write_bytes(b"short")
    done = await elsewhere.manager.resume(job.id)
    assert [asked.meta["chunkId"] for asked in elsewhere.site.adapter.jobs] == [0, 2]
    assert (done.state, done.metrics.reused_chunks) == (JobState.COMPLETED, 1)
    assert "1 chunk of 3 already there" in elsewhere.display.text("resumed")


async def test_a_chunk_whose_bytes_changed_in_storage_is_rendered_again_by_a_resume(
    elsewhere: Elsewhere,
) -> None:
    # A worker reads all chunks at the end; this machine may have fetched one before it changes.
    job = await elsewhere.create(merge=OWN_MERGE, stitch=Stitch.WORKER)

    def damage(_: WorkerJob) -> None:
        # In place and of the same length: nothing but reading it shows that.
        for name in elsewhere.site.names("jobs/a-job/chunks/0-*.mp4"):
            with (elsewhere.site.folder / name).open("r+b") as file:
                file.write(b"?")

    elsewhere.site.adapter._answer = damage
    with pytest.raises(MergeFailed, match="ARTIFACT_CORRUPT"):
        await elsewhere.manager.run(job.id)
    elsewhere.site.adapter._answer = lambda _: None
    elsewhere.site.adapter.jobs.clear()
    done = await elsewhere.manager.resume(job.id)
    assert done.state is JobState.COMPLETED
    assert [asked.meta.get("chunkId") for asked in elsewhere.site.adapter.jobs][:1] == [0]
    assert done.metrics.reused_chunks == 2


async def test_what_a_killed_process_had_fetched_in_part_is_gone_after_a_resume(
    elsewhere: Elsewhere,
) -> None:
    job = await elsewhere.create(merge=OWN_MERGE)
    await elsewhere.fail_at(job, 2)
    chunks = elsewhere.folder / "job" / "chunks"
    half = chunks / ".00001.mp4.0123abcd.part"
    half.mkdir(parents=True)
    (half / "whole").write_bytes(b"half")
    mine = chunks / ".mine.0123abcd.part"
    mine.mkdir()
    await elsewhere.manager.resume(job.id)
    assert not half.exists()
    assert mine.is_dir()


async def test_a_merge_by_another_program_leaves_the_folder_of_the_job_alone(
    elsewhere: Elsewhere,
) -> None:
    job = await elsewhere.create(merge=OWN_MERGE)
    done = await elsewhere.manager.run(job.id)
    assert done.output == "job"
    assert (elsewhere.folder / "job" / "mine.mp4").is_file()
    assert not (elsewhere.folder / "v.mp4").exists()


@pytest.mark.long
async def test_a_job_elsewhere_is_resumed_from_another_machine(elsewhere: Elsewhere) -> None:
    job = await elsewhere.create(machine="laptop.example")
    shutil.rmtree(elsewhere.folder / "job")
    await elsewhere.fail_at(job, 1)
    await elsewhere.manager.resume(job.id)
    assert (elsewhere.folder / "v.mp4").exists()
    assert (elsewhere.folder / "a-job.job" / "job.json").exists()
    assert not (elsewhere.folder / "job").exists()


@pytest.mark.long
async def test_a_fresh_retry_elsewhere_renders_everything_anew(elsewhere: Elsewhere) -> None:
    job = await elsewhere.create()
    await elsewhere.fail_at(job, 2)
    await elsewhere.manager.resume(job.id, fresh=True)
    assert elsewhere.site.rendered() == [0, 0, 1, 1, 2]
