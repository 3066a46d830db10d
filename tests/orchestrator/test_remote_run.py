"""Jobs that run elsewhere, from the spec to the video, with real workers and real storage."""

import asyncio
import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helios.conversation import OutputCallback
from helios.errors import (
    AccessDenied,
    BrowserCrashed,
    JobFailed,
    MergeFailed,
    OptionInvalid,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.job_spec import JobSpec
from helios.worker_job import Artifact, ErrorRecord, WorkerJob, WorkerResult
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.adapters.place import Place
from orchestrator.destination import Destination
from orchestrator.job import Stitch
from orchestrator.local_run import run_job
from orchestrator.planner import ChunkSizes, RenderOptions, plan
from orchestrator.remote_merge import (
    MAX_BYTES,
    MAX_BYTES_OF_JOINER,
    Gathering,
    MergeByWorker,
    MergeWhereItSuits,
    Site,
)
from orchestrator.remote_run import RemoteOptions, run_remote_job
from orchestrator.run_options import RunOptions
from orchestrator.stores import Stores
from orchestrator.upload import StoredJob
from orchestrator.worksites import Worksite
from tests.helios.worker_site import FRAMES, drawing, make_spec

from .remote_site import Answer, Notes, RemoteSite, RuntimeAdapter

pytestmark = pytest.mark.slow


def frame_hashes(video: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-i", str(video), "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


class Bench:
    """A folder with a job, and places where it may run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job_dir = folder / "job"
        self.job_dir.mkdir()
        self.video = folder / "video.mp4"
        self.display = Notes()

    def site(self, name: str = "site", *, answer: Answer = lambda _: None) -> RemoteSite:
        return RemoteSite(self.folder, name, answer=answer)

    def run(
        self,
        spec: JobSpec,
        *sites: RemoteSite | Worksite,
        destination: Destination | None = None,
        stitch: Stitch = Stitch.AUTO,
        **options: Any,
    ) -> Notes:
        asyncio.run(self.start(spec, *sites, destination=destination, stitch=stitch, **options))
        return self.display

    async def start(
        self,
        spec: JobSpec,
        *sites: RemoteSite | Worksite,
        destination: Destination | None = None,
        stitch: Stitch = Stitch.AUTO,
        **options: Any,
    ) -> None:
        chosen = {
            "concurrency": 2,
            "merge": True,
            "retries": 2,
            "retry_delay": 0.0,
            "chunk_timeout": None,
            "only": None,
            "resume": False,
            **options,
        }
        job_file = self.job_dir / "job.json"
        job_file.write_text(spec.to_json())
        await run_remote_job(
            spec,
            job_file=job_file,
            job_dir=self.job_dir,
            destination=destination or Destination(path=self.video),
            options=RunOptions(**chosen),
            remote=RemoteOptions(
                worksites=[
                    site if isinstance(site, Worksite) else site.worksite() for site in sites
                ],
                stitch=stitch,
            ),
            display=self.display,
        )

    def run_locally(self, spec: JobSpec) -> Path:
        video = self.folder / "local.mp4"
        # Our own renderer makes its folders, ffmpeg doesn't.
        (self.folder / "local" / "chunks").mkdir(parents=True)
        options = RunOptions(
            concurrency=2,
            merge=True,
            retries=0,
            retry_delay=0.0,
            chunk_timeout=None,
            only=None,
            resume=False,
        )
        asyncio.run(
            run_job(
                spec,
                adapter=LocalWorkerAdapter(),
                job_file=self.folder / "local" / "job.json",
                job_dir=self.folder / "local",
                destination=Destination(path=video),
                options=options,
                display=Notes(),
            )
        )
        return video


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
    site = bench.site()
    notes = bench.run(spec, site, stitch=stitch)
    assert frame_hashes(bench.video) == frame_hashes(bench.run_locally(spec))
    assert len(frame_hashes(bench.video)) == 3 * FRAMES
    assert site.merges() == (stitch is Stitch.WORKER)
    [completed] = notes.facts("completed")
    assert (completed["output"], completed["frames"]) == (str(bench.video), 3 * FRAMES)


def test_the_spec_goes_to_storage_with_an_id_and_chunks_beside_it(bench: Bench) -> None:
    site = bench.site()
    spec = make_spec(id="a-job")
    notes = bench.run(spec, site)
    assert site.names("jobs/*") == ["jobs/a-job"]
    stored = JobSpec.load(site.folder / "jobs/a-job/job.json")
    assert stored == spec
    assert len(site.names("jobs/a-job/chunks/*.mp4")) == 2
    [uploaded] = notes.facts("uploaded")
    assert uploaded["id"] == "a-job"
    assert uploaded["jobPath"] == f"{site.folder.as_uri()}/jobs/a-job/job.json"


def test_a_job_that_runs_again_renders_what_is_missing(bench: Bench) -> None:
    spec = make_spec(chunks=3)
    site = bench.site()
    bench.run(spec, site)
    [_, middle, _] = site.names("jobs/*/chunks/*.mp4")
    (site.folder / middle).unlink()
    bench.run(spec, site)
    assert site.rendered() == [0, 1, 1, 2]


def test_another_job_renders_anew(bench: Bench) -> None:
    site = bench.site()
    bench.run(make_spec(id="one"), site)
    bench.run(make_spec(id="two"), site)
    assert site.rendered() == [0, 0, 1, 1]


def test_chunks_that_are_here_already_are_not_fetched_again(bench: Bench) -> None:
    site = bench.site()
    bench.run(make_spec(), site, merge=True)
    chunks = sorted((bench.job_dir / "chunks").iterdir())
    before = [path.stat().st_mtime_ns for path in chunks]
    chunks[0].write_bytes(b"of another job")
    bench.run(make_spec(), site, resume=True)
    after = [path.stat().st_mtime_ns for path in chunks]
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert len(frame_hashes(bench.video)) == 2 * FRAMES


@pytest.mark.parametrize("by_worker", [False, True])
def test_two_places_share_a_job_and_its_chunks_come_together(bench: Bench, by_worker: bool) -> None:
    spec = make_spec(chunks=5)
    one, other = bench.site("one"), bench.site("other")
    bench.run(spec, one, other, stitch=Stitch.WORKER if by_worker else Stitch.LOCAL)
    assert sorted(one.rendered() + other.rendered()) == [0, 1, 2, 3, 4]
    assert one.rendered()
    assert other.rendered()
    assert one.merges() + other.merges() == by_worker
    assert frame_hashes(bench.video) == frame_hashes(bench.run_locally(spec))
    if by_worker:
        # Copies came to the place that had more of them.
        assert len(one.names("jobs/*/chunks/*.mp4")) + len(other.names("jobs/*/chunks/*.mp4")) == (
            5 + min(len(one.rendered()), len(other.rendered()))
        )


def test_places_with_one_storage_need_no_copies(bench: Bench) -> None:
    site = bench.site()
    worksites = [site.worksite(), site.worksite()]
    named = [
        type(worksite)(name=name, adapter=worksite.adapter, artifacts=worksite.artifacts)
        for name, worksite in zip(("one", "other"), worksites, strict=True)
    ]
    asyncio.run(
        run_remote_job(
            make_spec(chunks=4),
            job_file=bench.job_dir / "job.json",
            job_dir=bench.job_dir,
            destination=Destination(path=bench.video),
            options=RunOptions(
                concurrency=4,
                merge=True,
                retries=0,
                retry_delay=0,
                chunk_timeout=None,
                only=None,
                resume=False,
            ),
            remote=RemoteOptions(worksites=named, stitch=Stitch.WORKER),
            display=bench.display,
        )
    )
    assert len(site.names("jobs/*/chunks/*.mp4")) == 4
    assert len(bench.display.facts("uploaded")) == 1


@pytest.mark.parametrize("fault", [WorkerUnavailable("gone"), AccessDenied("not you")])
@pytest.mark.parametrize("by_worker", [False, True])
def test_a_place_that_is_down_costs_nothing_but_its_share(
    bench: Bench, fault: Exception, by_worker: bool
) -> None:
    down = bench.site("down", answer=lambda _: fault)  # type: ignore[return-value,arg-type]
    up = bench.site("up")
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
    full = bench.site("full", answer=answering(gone, gone, action="merge"))
    # It takes no chunk, but merges.
    idle = bench.site("idle", answer=answering(*[WorkerUnavailable("not now")] * 8))
    bench.run(make_spec(chunks=3), full, idle, stitch=Stitch.WORKER)
    assert (full.rendered(), full.merges()) == ([0, 1, 2], 0)
    assert (idle.rendered(), idle.merges()) == ([], 1)
    assert len(frame_hashes(bench.video)) == 3 * FRAMES


def test_a_worker_that_only_joins_is_asked_where_there_is_one(bench: Bench) -> None:
    renderer = bench.site("renderer")
    joiner = RuntimeAdapter(renderer.runtime, lambda _: None)
    worksite = dataclasses.replace(renderer.worksite(), joiner=joiner)
    bench.run(make_spec(), worksite, stitch=Stitch.WORKER)
    assert {job.meta["action"] for job in renderer.adapter.jobs} == {"chunk"}
    assert [job.meta["action"] for job in joiner.jobs] == ["merge"]
    assert len(frame_hashes(bench.video)) == 2 * FRAMES


@pytest.mark.parametrize(
    ("stays", "size", "joins", "indexed", "by"),
    [
        (False, 10, True, True, "here"),
        (True, MAX_BYTES, False, True, "worker"),
        (True, MAX_BYTES + 1, False, False, "here"),
        (True, MAX_BYTES + 1, False, True, "storage"),
        (True, MAX_BYTES + 1, True, True, "worker"),
        (True, MAX_BYTES_OF_JOINER + 1, True, False, "here"),
    ],
)
async def test_who_joins_follows_from_where_the_video_goes_and_how_large_it_is(
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
    there = Place(name="there", adapter=Asked("worker"))
    site = Site(job, [there], [there] if joins else [])
    artifacts = {0: Artifact(url="s3://bucket/jobs/a/chunks/0.mp4", bytes=size)}
    async with Stores() as stores:
        reasons: list[str] = []
        gathering = Gathering([site], artifacts, stores=stores)
        merge = MergeWhereItSuits(
            Asked("here"),
            MergeByWorker(gathering),
            Asked("storage") if indexed else None,
            gathering,
            stays=stays,
            tell=reasons.append,
        )
        await merge.execute(WorkerJob(command="helios", meta={"action": "merge", "attempt": 1}))
    assert asked == [by]
    said = {"here": "joined here", "worker": "joined by a worker", "storage": "joined in storage"}
    assert reasons[0].startswith(said[by])


def test_what_storage_can_not_join_is_refused_before_anything_renders(bench: Bench) -> None:
    site = bench.site()
    spec = make_spec(suffix=".webm")
    with pytest.raises(OptionInvalid, match="--stitch server"):
        bench.run(spec, site, stitch=Stitch.SERVER)
    assert site.rendered() == []


def test_throttling_costs_no_attempts(bench: Bench) -> None:
    site = bench.site(answer=answering(*[WorkerThrottled("slowly")] * 3))
    bench.run(make_spec(chunks=3), site, retries=0)
    assert site.rendered() == [0, 1, 2]


def test_a_crash_costs_an_attempt(bench: Bench) -> None:
    crash = WorkerResult(exit_code=1, error=ErrorRecord.of(BrowserCrashed("it is gone")))
    bench.run(make_spec(), bench.site("one", answer=answering(crash)), retries=1)
    with pytest.raises(JobFailed) as caught:
        bench.run(make_spec(id="other"), bench.site("two", answer=answering(crash)), retries=0)
    assert caught.value.retryable


def test_a_worker_that_stores_nothing_is_told_of(bench: Bench) -> None:
    site = bench.site(answer=lambda job: WorkerResult(exit_code=0))
    with pytest.raises(MergeFailed, match="chunk 0, 1: the worker stored nothing"):
        bench.run(make_spec(), site)


def test_a_chunk_that_is_damaged_in_storage_never_gets_into_the_video(bench: Bench) -> None:
    site = bench.site()

    def damage(job: WorkerJob) -> None:
        for name in site.names("jobs/*/chunks/0-*.mp4"):
            path = site.folder / name
            path.write_bytes(path.read_bytes()[:-1] + b"?")

    site.adapter._answer = damage
    with pytest.raises(MergeFailed, match=r"ARTIFACT_CORRUPT"):
        bench.run(make_spec(chunks=3), site, stitch=Stitch.WORKER, concurrency=1, retries=0)
    assert not bench.video.exists()


@pytest.mark.parametrize("options", [{"merge": False}, {"only": [1]}])
def test_chunks_that_arent_joined_stay_in_storage(bench: Bench, options: dict[str, Any]) -> None:
    site = bench.site()
    notes = bench.run(make_spec(chunks=2, id="a-job"), site, **options)
    assert site.rendered() == ([0, 1] if "merge" in options else [1])
    [completed] = notes.facts("completed")
    assert completed["output"] == f"{site.folder.as_uri()}/jobs/a-job/chunks"
    assert not (bench.job_dir / "chunks").exists()


def test_an_output_that_is_one_chunk_comes_here_as_it_is(bench: Bench) -> None:
    spec = make_spec([drawing(0, "video.mp4")], merge="")
    spec = spec.model_copy(
        update={"chunks": [spec.chunks[0].model_copy(update={"output_file": "video.mp4"})]}
    )
    bench.run(spec, bench.site())
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
    bench.run(spec, bench.site(), destination=Destination(path=bench.folder / "frames"))
    assert len(list((bench.folder / "frames").glob("*.png"))) == 3


@pytest.mark.long
def test_a_run_that_is_stopped_starts_nothing_new_and_can_be_gone_on_with(bench: Bench) -> None:
    site = bench.site()
    spec = make_spec(chunks=20)

    async def stop_early() -> None:
        task = asyncio.create_task(bench.start(spec, site, concurrency=1))
        while not site.rendered():  # noqa: ASYNC110 - what happens in a worker tells nobody
            await asyncio.sleep(0.02)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stop_early())
    rendered = len(site.rendered())
    assert rendered < 20
    assert "elsewhere" in bench.display.stopping
    bench.run(spec, site, resume=True)
    assert len(site.rendered()) == 20
    assert len(frame_hashes(bench.video)) == 20 * FRAMES
