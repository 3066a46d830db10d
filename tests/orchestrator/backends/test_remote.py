"""Jobs that run elsewhere, from the spec to the video, with real workers and real storage."""

import asyncio
import dataclasses
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import (
    AccessDenied,
    BrowserCrashed,
    JobFailed,
    MergeFailed,
    OptionInvalid,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.deployed_workers import DeployedWorkers
from orchestrator.backends.job_storage import MAX_BYTES, MAX_MERGE_BYTES, Gathering, JobStorage
from orchestrator.backends.local import LocalBackend
from orchestrator.backends.merging import MergeByWorker, MergeWhereItSuits
from orchestrator.backends.remote import RemoteBackend
from orchestrator.backends.upload import StoredJob
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores
from orchestrator.execution.run_hooks import RunHooks
from orchestrator.model.job import Job
from orchestrator.model.location import AdapterSettings, JobLocation
from orchestrator.model.settings import RunSettings, Stitch
from orchestrator.planning.chunk_sizes import ChunkSizes
from orchestrator.planning.planner import plan
from orchestrator.planning.render_options import RenderOptions
from orchestrator.scheduling.endpoint import Endpoint
from tests.helios.worker_setup import FRAMES, drawing, make_spec
from tests.orchestrator.remote_site import Answer, Notes, RemoteSite, RuntimeAdapter
from tests.sampling import every_nth

pytestmark = pytest.mark.slow


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


class Bench:
    """A folder with a job, and endpoints where it may run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job_dir = folder / "job"
        self.job_dir.mkdir()
        self.video = folder / "video.mp4"
        self.display = Notes()

    def group(self, name: str = "group", *, answer: Answer = lambda _: None) -> RemoteSite:
        return RemoteSite(self.folder, name, answer=answer)

    def run(
        self,
        spec: JobSpec,
        *sites: RemoteSite | DeployedWorkers,
        destination: Destination | None = None,
        resume: bool = False,
        **settings: Any,
    ) -> Notes:
        asyncio.run(self.start(spec, *sites, destination=destination, resume=resume, **settings))
        return self.display

    async def start(
        self,
        spec: JobSpec,
        *sites: RemoteSite | DeployedWorkers,
        destination: Destination | None = None,
        resume: bool = False,
        **settings: Any,
    ) -> None:
        workers = [site.workers() if isinstance(site, RemoteSite) else site for site in sites]
        backend = RemoteBackend(
            self._job(
                spec,
                self.job_dir,
                destination or Destination(path=self.video),
                adapters=[AdapterSettings(kind="lambda", artifacts=w.artifacts) for w in workers],
                **settings,
            ),
            display=self.display,
            opener=lambda settings, *, concurrency: workers,
        )
        await backend.run(keep_chunks=resume, hooks=RunHooks())

    def run_locally(self, spec: JobSpec) -> Path:
        video = self.folder / "local.mp4"
        (self.folder / "local").mkdir()
        job = self._job(spec, self.folder / "local", Destination(path=video), retries=0)
        backend = LocalBackend(job, display=Notes())
        asyncio.run(backend.run(keep_chunks=False, hooks=RunHooks()))
        return video

    def _job(
        self,
        spec: JobSpec,
        job_dir: Path,
        output: Destination,
        adapters: list[AdapterSettings] | None = None,
        **settings: Any,
    ) -> Job:
        (job_dir / "job.json").write_text(spec.to_json())
        location = JobLocation(
            adapters=adapters or [AdapterSettings()],
            job_path=str(job_dir / "job.json"),
            job_dir=str(job_dir),
            output=str(output),
        )
        chosen = RunSettings.of(**{"concurrency": 2, "retry_delay": 0.0, **settings})
        return Job.new(spec, location=location, settings=chosen, now=datetime.now(UTC))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def answering(*results: WorkerResult | Exception, action: str = "chunk") -> Answer:
    """Return what gives these answers in turn, and then does the jobs."""
    left = list(results)

    def answer(job: WorkerJob) -> Any:
        return left.pop(0) if left and job.meta["action"] == action else None

    return answer


@pytest.mark.parametrize("stitch", list(Stitch))
def test_a_job_makes_the_same_video_elsewhere_as_here(bench: Bench, stitch: Stitch) -> None:
    spec = make_spec(chunks=3)
    group = bench.group()
    notes = bench.run(spec, group, stitch=stitch)
    assert frame_hashes(bench.video) == frame_hashes(bench.run_locally(spec))
    assert len(frame_hashes(bench.video)) == 3 * FRAMES
    assert group.merges() == (stitch is Stitch.WORKER)
    [completed] = notes.facts("completed")
    assert (completed["output"], completed["frames"]) == (str(bench.video), 3 * FRAMES)


def test_the_spec_goes_to_storage_with_an_id_and_chunks_beside_it(bench: Bench) -> None:
    group = bench.group()
    spec = make_spec(id="a-job")
    notes = bench.run(spec, group)
    assert group.names("jobs/*") == ["jobs/a-job"]
    stored = JobSpec.load(group.folder / "jobs/a-job/job.json")
    assert stored == spec
    assert len(group.names("jobs/a-job/chunks/*.mp4")) == 2
    [uploaded] = notes.facts("uploaded")
    assert uploaded["id"] == "a-job"
    assert uploaded["jobPath"] == f"{group.folder.as_uri()}/jobs/a-job/job.json"


def test_a_job_that_runs_again_renders_what_is_missing(bench: Bench) -> None:
    spec = make_spec(chunks=3)
    group = bench.group()
    bench.run(spec, group)
    [_, middle, _] = group.names("jobs/*/chunks/*.mp4")
    (group.folder / middle).unlink()
    bench.run(spec, group)
    assert group.rendered() == [0, 1, 1, 2]


def test_another_job_renders_anew(bench: Bench) -> None:
    group = bench.group()
    bench.run(make_spec(id="one"), group)
    bench.run(make_spec(id="two"), group)
    assert group.rendered() == [0, 0, 1, 1]


def test_chunks_that_are_here_already_are_not_fetched_again(bench: Bench) -> None:
    group = bench.group()
    bench.run(make_spec(), group, merge=True)
    chunks = sorted((bench.job_dir / "chunks").iterdir())
    before = [path.stat().st_mtime_ns for path in chunks]
    chunks[0].write_bytes(b"of another job")
    bench.run(make_spec(), group, resume=True)
    after = [path.stat().st_mtime_ns for path in chunks]
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert len(frame_hashes(bench.video)) == 2 * FRAMES


@pytest.mark.parametrize("by_worker", [False, True])
def test_two_places_share_a_job_and_its_chunks_come_together(bench: Bench, by_worker: bool) -> None:
    spec = make_spec(chunks=5)
    one, other = bench.group("one"), bench.group("other")
    bench.run(spec, one, other, stitch=Stitch.WORKER if by_worker else Stitch.LOCAL)
    assert sorted(one.rendered() + other.rendered()) == [0, 1, 2, 3, 4]
    assert one.rendered()
    assert other.rendered()
    assert one.merges() + other.merges() == by_worker
    assert frame_hashes(bench.video) == frame_hashes(bench.run_locally(spec))
    if by_worker:
        # Copies came to the endpoint that had more of them.
        assert len(one.names("jobs/*/chunks/*.mp4")) + len(other.names("jobs/*/chunks/*.mp4")) == (
            5 + min(len(one.rendered()), len(other.rendered()))
        )


def test_places_with_one_storage_need_no_copies(bench: Bench) -> None:
    group = bench.group()
    named = [dataclasses.replace(group.workers(), name=name) for name in ("one", "other")]
    bench.run(
        make_spec(chunks=4), *named, stitch=Stitch.WORKER, concurrency=4, retries=0, retry_delay=0
    )
    assert len(group.names("jobs/*/chunks/*.mp4")) == 4
    assert len(bench.display.facts("uploaded")) == 1


@every_nth(2)
@pytest.mark.parametrize("fault", [WorkerUnavailable("gone"), AccessDenied("not you")])
@pytest.mark.parametrize("by_worker", [False, True])
def test_a_place_that_is_down_costs_nothing_but_its_share(
    bench: Bench, fault: Exception, by_worker: bool
) -> None:
    down = bench.group("down", answer=lambda _: fault)  # type: ignore[return-value,arg-type]
    up = bench.group("up")
    bench.run(
        make_spec(chunks=4),
        down,
        up,
        stitch=Stitch.WORKER if by_worker else Stitch.LOCAL,
        retries=0,
    )
    assert up.rendered() == [0, 1, 2, 3]
    assert len(frame_hashes(bench.video)) == 4 * FRAMES


def test_a_merge_goes_elsewhere_if_the_place_with_the_chunks_is_gone_by_then(bench: Bench) -> None:
    gone = WorkerUnavailable("gone")
    full = bench.group("full", answer=answering(gone, gone, action="merge"))
    # It takes no chunk, but merges.
    idle = bench.group("idle", answer=answering(*[WorkerUnavailable("not now")] * 8))
    bench.run(make_spec(chunks=3), full, idle, stitch=Stitch.WORKER)
    assert (full.rendered(), full.merges()) == ([0, 1, 2], 0)
    assert (idle.rendered(), idle.merges()) == ([], 1)
    assert len(frame_hashes(bench.video)) == 3 * FRAMES


def test_a_worker_that_only_joins_is_asked_where_there_is_one(bench: Bench) -> None:
    renderer = bench.group("renderer")
    merger = RuntimeAdapter(renderer.runtime, lambda _: None)
    group = dataclasses.replace(renderer.workers(), merge_adapter=merger)
    bench.run(make_spec(), group, stitch=Stitch.WORKER)
    assert {job.meta["action"] for job in renderer.adapter.jobs} == {"chunk"}
    assert [job.meta["action"] for job in merger.jobs] == ["merge"]
    assert len(frame_hashes(bench.video)) == 2 * FRAMES


@pytest.mark.parametrize(
    ("stays", "size", "joins", "indexed", "by"),
    [
        (False, 10, True, True, "here"),
        (True, MAX_BYTES, False, True, "worker"),
        (True, MAX_BYTES + 1, False, False, "here"),
        (True, MAX_BYTES + 1, False, True, "storage"),
        (True, MAX_BYTES + 1, True, True, "worker"),
        (True, MAX_MERGE_BYTES + 1, True, False, "here"),
    ],
)
async def test_the_place_of_stitching_follows_from_destination_and_size(
    bench: Bench, *, stays: bool, size: int, joins: bool, indexed: bool, by: str
) -> None:
    asked: list[str] = []

    class Asked(WorkerAdapter):
        def __init__(self, name: str) -> None:
            self._name = name

        async def execute(
            self, job: WorkerJob, *, on_output: OutputCallback | None = None
        ) -> WorkerResult:
            asked.append(self._name)
            return WorkerResult(exit_code=0, artifact=Artifact(url="s3://bucket/v.mp4"))

    spec = make_spec()
    job = StoredJob("s3://bucket/jobs/a/job.json", spec)
    there = Endpoint(name="there", adapter=Asked("worker"))
    group = JobStorage(job, [there], [there] if joins else [])
    artifacts = {0: Artifact(url="s3://bucket/jobs/a/chunks/0.mp4", bytes=size)}
    async with Stores() as stores:
        reasons: list[str] = []
        gathering = Gathering([group], artifacts, stores=stores)
        merge = MergeWhereItSuits(
            Asked("here"),
            MergeByWorker(gathering),
            Asked("storage") if indexed else None,
            gathering,
            stays=stays,
            tell=reasons.append,
        )
        await merge.execute(WorkerJob(command="helios", task=Task(job_path="job.json")))
    assert asked == [by]
    said = {
        "here": "stitched here",
        "worker": "stitched by a worker",
        "storage": "stitched in storage",
    }
    assert reasons[0].startswith(said[by])


def test_what_storage_can_not_join_is_refused_before_anything_renders(bench: Bench) -> None:
    group = bench.group()
    spec = make_spec(suffix=".webm")
    with pytest.raises(OptionInvalid, match="--stitch server"):
        bench.run(spec, group, stitch=Stitch.SERVER)
    assert group.rendered() == []


def test_throttling_costs_no_attempts(bench: Bench) -> None:
    group = bench.group(answer=answering(*[WorkerThrottled("slowly")] * 3))
    bench.run(make_spec(chunks=3), group, retries=0)
    assert group.rendered() == [0, 1, 2]


def test_a_crash_costs_an_attempt(bench: Bench) -> None:
    crash = WorkerResult(exit_code=1, error=ErrorRecord.of(BrowserCrashed("it is gone")))
    bench.run(make_spec(), bench.group("one", answer=answering(crash)), retries=1)
    with pytest.raises(JobFailed) as caught:
        bench.run(make_spec(id="other"), bench.group("two", answer=answering(crash)), retries=0)
    assert caught.value.retryable


def test_a_worker_that_stores_nothing_is_reported(bench: Bench) -> None:
    group = bench.group(answer=lambda job: WorkerResult(exit_code=0))
    with pytest.raises(MergeFailed, match="chunk 0, 1: the worker stored nothing"):
        bench.run(make_spec(), group)


def test_a_chunk_that_is_damaged_in_storage_never_gets_into_the_video(bench: Bench) -> None:
    group = bench.group()

    def damage(job: WorkerJob) -> None:
        for name in group.names("jobs/*/chunks/0-*.mp4"):
            path = group.folder / name
            path.write_bytes(path.read_bytes()[:-1] + b"?")

    group.adapter._answer = damage
    with pytest.raises(MergeFailed, match=r"ARTIFACT_CORRUPT"):
        bench.run(make_spec(chunks=3), group, stitch=Stitch.WORKER, concurrency=1, retries=0)
    assert not bench.video.exists()


@every_nth(2)
@pytest.mark.parametrize("options", [{"merge": False}, {"only": [1]}])
def test_chunks_that_arent_joined_stay_in_storage(bench: Bench, options: dict[str, Any]) -> None:
    group = bench.group()
    notes = bench.run(make_spec(chunks=2, id="a-job"), group, **options)
    assert group.rendered() == ([0, 1] if "merge" in options else [1])
    [completed] = notes.facts("completed")
    assert completed["output"] == f"{group.folder.as_uri()}/jobs/a-job/chunks"
    assert not (bench.job_dir / "chunks").exists()


def test_an_output_that_is_one_chunk_comes_here_as_it_is(bench: Bench) -> None:
    spec = make_spec([drawing(0, "video.mp4")], merge="")
    spec = spec.model_copy(
        update={"chunks": [spec.chunks[0].model_copy(update={"output_file": "video.mp4"})]}
    )
    bench.run(spec, bench.group())
    assert len(frame_hashes(bench.video)) == FRAMES


@pytest.mark.browser
def test_a_sequence_of_images_comes_here_as_a_folder(bench: Bench) -> None:
    (bench.folder / "page.html").write_text("<!doctype html><p>Hello")
    spec = plan(
        str(bench.folder / "page.html"),
        "frames",
        frame_count=3,
        options=RenderOptions(width=64, height=36),
        sizes=ChunkSizes(),
        job_dir=bench.job_dir,
    )
    bench.run(spec, bench.group(), destination=Destination(path=bench.folder / "frames"))
    assert len(list((bench.folder / "frames").glob("*.png"))) == 3


@pytest.mark.proof
def test_a_run_that_is_stopped_starts_nothing_new_and_can_be_resumed(bench: Bench) -> None:
    group = bench.group()
    spec = make_spec(chunks=20)

    async def stop_early() -> None:
        task = asyncio.create_task(bench.start(spec, group, concurrency=1))
        while not group.rendered():  # noqa: ASYNC110 - a worker sends no events
            await asyncio.sleep(0.02)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stop_early())
    rendered = len(group.rendered())
    assert rendered < 20
    assert "elsewhere" in bench.display.stopping
    bench.run(spec, group, resume=True)
    assert len(group.rendered()) == 20
    assert len(frame_hashes(bench.video)) == 20 * FRAMES
