"""Detached renders on Google Cloud by the public commands, from deploying to fetching the video."""

import asyncio
import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from helios.storage import open_storage
from sandbox.google.google_cloud import GoogleCloud, google_cloud
from tests.helios.worker_setup import FRAMES, drawing, make_spec
from tests.orchestrator.cloud_sites import frame_hashes
from tests.orchestrator.conftest import Bench, Ended
from tests.orchestrator.cost_limit import check_cost_limit
from tests.worker_cloudrun.conftest import slow
from tests.worker_cloudrun.test_service import asleep, until

ROOT = Path(__file__).parents[3]
PLACE = ("--project", "my-videos", "--region", "europe-west1")
DEPLOY = (
    *("cloudrun", "deploy", *PLACE, "--bucket", "my-videos-helios"),
    *("--image", f"europe-west1-docker.pkg.dev/my-videos/helios/worker@sha256:{'a' * 64}"),
    *("--service-account", "worker@my-videos.iam.gserviceaccount.com"),
    *("--concurrency", 2, "--invoker", "user:ann@example.com"),
    *("--env", "HELIOS_EXECUTABLES=helios,ffmpeg,ffprobe,sh"),
)
JOB = "projects/my-videos/locations/europe-west1/jobs/helios-worker"
RENDER = ("render", "page", "--width", 160, "--height", 90, "--chunks", 2)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clouds")]


@dataclass
class Project:
    """A project with workers, and a folder whose commands find them by the default profile."""

    cloud: GoogleCloud
    bench: Bench
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: object) -> Ended:
        return self.bench.run(*arguments, env=self.env)

    def runs(self, *arguments: object) -> Ended:
        ended = self.run(*arguments)
        assert ended.status == 0, ended.stderr + self.log()
        return ended

    def write(self, spec: JobSpec) -> Path:
        path = self.bench.folder / "job" / "job.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(spec.to_json(), "utf-8")
        return path

    def stored(self, render: str) -> int:
        """Return how many chunks of a render are in storage, with their records."""

        async def count() -> int:
            folder = open_storage(f"gs://my-videos-helios/jobs/{render}", env=self.env)
            found = await folder.list("chunks/")
            await folder.close()
            return sum(one.key.endswith(".json") for one in found)

        return asyncio.run(count())

    def log(self) -> str:
        """Return what the workers have logged."""
        assert self.cloud.tasks is not None
        return "".join(self.cloud.tasks.logs())

    def service_log(self) -> str:
        assert self.cloud.services is not None
        (service,) = self.cloud.api.services.by_name
        return self.cloud.services.log(service)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("project")
    with google_cloud(folder / "cloud", looks=0, with_workers=True) as cloud:
        bench = Bench(folder)
        bench.page("page/index.html")
        made = Project(cloud, bench, {**cloud.env, "XDG_CONFIG_HOME": str(folder / "config")})
        made.runs(*DEPLOY)
        made.runs("connect", *PLACE)
        yield made


@pytest.mark.browser
def test_a_detached_render_makes_the_same_video_as_a_local_one(
    project: Project,
) -> None:
    started = project.runs(*RENDER, "-o", "v.mp4", "--detach", "--request-id", "movie")
    assert started.stdout == "movie\n"
    again = project.runs(*RENDER, "-o", "v.mp4", "--detach", "--request-id", "movie", "--json")
    assert again.documents[-1]["event"] == "started"
    assert (again.documents[-1]["id"], again.documents[-1]["new"]) == ("movie", False)

    watched = project.runs("watch", "movie", "--json", "--interval", 0.2)
    completed = watched.documents[-1]
    assert (completed["event"], completed["state"]) == ("completed", "completed")
    assert (completed["chunksDone"], completed["framesDone"]) == (2, 12)
    assert completed["cost"]["prices"]["region"] == "europe-west1"
    assert len(project.cloud.api.executions.list(JOB)) == 1

    project.runs("fetch", "movie", "-o", "fetched.mp4")
    link = project.runs("fetch", "movie", "--link").stdout.strip()
    project.runs(*RENDER, "-o", "here.mp4")
    folder = project.bench.folder
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == (folder / "fetched.mp4").read_bytes()
    assert frame_hashes(folder / "fetched.mp4") == frame_hashes(folder / "here.mp4")

    listed = project.runs("list", "--json").documents
    (status,) = project.runs("status", "movie", "--json", "--cost").documents
    detached = [job for job in listed if job["where"].startswith("Cloud Run workers")]
    assert [job["id"] for job in detached] == ["movie"]
    assert [job["where"] for job in listed if job not in detached] == ["local"]
    assert status["output"] == "gs://my-videos-helios/jobs/movie/output/v.mp4"
    assert any(item["unit"] == "CPU-seconds" for item in status["cost"]["items"])

    project.runs("report", "movie", "--format", "json", "-o", "report.json")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert (report["state"], report["framesDone"]) == ("completed", 12)
    for chunk in report["chunks"]:
        (attempt,) = chunk["attempts"]
        assert attempt["steps"]["command"] > 0
        assert attempt["worker"].startswith("cloudrun")
        assert sum(span["frames"] for span in chunk["spans"]) == 6
    assert report["merge"]["seconds"] > 0
    assert len(report["filmstrip"]) >= 2
    assert report["cost"]["total"] > 0


@pytest.mark.long
@pytest.mark.browser
def test_a_detached_batch_is_followed_by_any_client_and_its_videos_are_fetched(
    project: Project,
) -> None:
    folder = project.bench.folder
    # The fourth row has the values of the first.
    (folder / "rows.csv").write_text("_id,frames\n1,3\n2,4\n3,5\n4,3\n")
    flags = ("--rows", "rows.csv", "-o", "out/{_id}.mp4", "--width", 64, "--height", 64)
    started = project.runs("batch", "page", *flags, "--detach", "--concurrency", 2)
    batch = started.stdout.strip()
    assert "4 rows, of which 2 at once run on Cloud Run workers" in started.stderr
    killed = project.bench.start("watch", batch, "--json", "--interval", 0.2, env=project.env)
    assert killed.process.stdout is not None
    assert json.loads(killed.process.stdout.readline())["rows"] == 4
    killed.signal(signal.SIGKILL)
    killed.process.wait()

    project.runs("cancel", batch)
    (listed,) = [job for job in project.runs("list", "--json").documents if job["id"] == batch]
    assert (listed["batch"], listed["running"]) == (True, 0)
    project.runs("resume", batch)
    watched = project.runs("watch", batch, "--json", "--interval", 0.2).documents
    assert (watched[-1]["event"], watched[-1]["done"]) == ("completed", 4)
    (status,) = project.runs("status", batch, "--json").documents
    assert [row["state"] for row in status["jobs"]] == ["completed"] * 4
    assert status["jobs"][0]["job"] == status["jobs"][3]["job"]

    project.runs("fetch", batch, "-o", "fetched")
    lengths = [len(frame_hashes(folder / f"fetched/{number}.mp4")) for number in (1, 2, 3, 4)]
    assert lengths == [3, 4, 5, 3]
    project.runs("delete", batch, "--chunks")
    assert "JOB_NOT_FOUND" in project.run("status", batch).stderr


@pytest.mark.proof
def test_a_render_is_cancelled_and_another_one_fails(project: Project) -> None:
    job = project.write(make_spec([slow(60.051), slow(60.052, chunk=1)]))
    project.runs("run", job, "--detach", "--request-id", "slow")
    until(lambda: asleep(60.051) and asleep(60.052), seconds=60)
    project.runs("cancel", "slow", "--reason", "by Ann")
    assert asleep(60.051) + asleep(60.052) == []
    (status,) = project.runs("status", "slow", "--json").documents
    assert (status["state"], status["chunksDone"], status["chunksTotal"]) == ("cancelled", 0, 2)
    assert "by Ann" in status["error"]["message"]
    assert project.run("fetch", "slow", "-o", "v.mp4").status == 2

    job = project.write(make_spec(["forbidden", "forbidden"]))
    project.runs("run", job, "--detach", "--request-id", "bad")
    watched = project.run("watch", "bad", "--json", "--interval", 0.2)
    assert watched.status != 0
    assert "COMMAND_FORBIDDEN" in json.dumps(watched.documents)


def once_there_is(gate: Path, chunk: int) -> str:
    """Return a command that draws a chunk as soon as a file is there."""
    draw = drawing(chunk, f"chunks/{chunk:05d}.mp4")
    return f"sh -c 'until test -e {gate}; do sleep 0.05; done; {draw}'"


@pytest.mark.long
def test_a_watch_that_was_killed_and_is_begun_anew_goes_by_what_is_in_storage(
    project: Project, tmp_path: Path
) -> None:
    gates = [tmp_path / str(chunk) for chunk in range(3)]
    job = project.write(make_spec([once_there_is(gate, n) for n, gate in enumerate(gates)]))
    watch = ("watch", "seen-twice", "--json", "--interval", 0.2)
    project.runs("run", job, "--detach", "--request-id", "seen-twice")

    killed = project.bench.start(*watch, env=project.env)
    assert killed.process.stdout is not None
    began = json.loads(killed.process.stdout.readline())
    gates[0].touch()
    while '"chunk_finished"' not in killed.process.stdout.readline():
        pass
    killed.signal(signal.SIGKILL)
    assert killed.process.wait() == -signal.SIGKILL
    gates[1].touch()
    until(lambda: project.stored("seen-twice") == 2)

    watched = project.bench.start(*watch, env=project.env)
    assert watched.process.stdout is not None
    found = json.loads(watched.process.stdout.readline())
    gates[2].touch()
    documents = [json.loads(line) for line in watched.process.stdout]
    assert watched.end().status == 0

    assert (began["chunksDone"], began["framesDone"]) == (0, 0)
    assert (found["event"], found["state"]) == ("watching", "running")
    assert (found["chunksDone"], found["framesDone"]) == (2, 2 * FRAMES)
    # What both knew is not told again.
    assert [doc["chunkId"] for doc in documents if doc["event"] == "chunk_finished"] == [2]
    counts = [doc["framesDone"] for doc in documents if "framesDone" in doc]
    assert set(counts) == {3 * FRAMES}
    completed = documents[-1]
    assert (completed["event"], completed["chunksDone"]) == ("completed", 3)
    assert project.stored("seen-twice") == 3


def test_workers_that_are_not_there_are_told_as_such(project: Project) -> None:
    missing = project.run("connect", *PLACE, "--name", "others")
    assert missing.status == 2
    assert "error[WORKER_NOT_FOUND]: Cloud Run workers others" in missing.stderr
    unknown = project.run("status", "nothing")
    assert "error[JOB_NOT_FOUND]" in unknown.stderr


@pytest.mark.proof
@pytest.mark.browser
def test_chunks_are_rendered_by_the_service_that_the_profile_names(project: Project) -> None:
    project.runs(*RENDER, "-o", "served.mp4", "--adapter", "cloudrun", "--profile", "default")
    project.runs(*RENDER, "-o", "here.mp4")
    folder = project.bench.folder
    assert frame_hashes(folder / "served.mp4") == frame_hashes(folder / "here.mp4")
    assert project.service_log().count('"event": "chunk.stored"') == 2


def test_a_deployed_service_refuses_callers_without_a_token(
    project: Project,
) -> None:
    (status,) = project.runs("cloudrun", "status", *PLACE, "--json").documents
    request = urllib.request.Request(status["url"], data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 401


def test_a_profile_holds_what_clients_need_and_no_secrets(project: Project) -> None:
    profile = Path(project.env["XDG_CONFIG_HOME"], "helios", "profiles", "default.json")
    written = json.loads(profile.read_text("utf-8"))
    assert written["job"] == JOB
    assert (written["artifacts"], written["cpu"]) == ("gs://my-videos-helios", 2)
    assert (written["memoryGib"], written["maxConcurrency"]) == (4, 200)
    assert written["serviceUrl"].startswith("http://127.0.0.1:")
    assert "private" not in profile.read_text("utf-8")


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.browser
def test_the_smoke_check_of_deployed_workers_passes_here_as_well(project: Project) -> None:
    done = subprocess.run(
        [ROOT / "scripts/smoke", "gcp", *PLACE],
        env={**os.environ, **project.env},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok       trial: two frames were rendered and stitched by the workers" in done.stdout
    assert "ok       versions: client and workers: " in done.stdout
    assert done.stdout.endswith("== All of it works\n")


@pytest.mark.long
def test_a_render_that_reached_its_cost_limit_is_resumed_with_a_higher_one(
    project: Project, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = project.write(make_spec([once_there_is(gate, 0), once_there_is(gate, 1)]))
    check_cost_limit(project.run, job, gate)
