"""The public command, end to end, over both clouds' stand-ins with the real workers behind them."""

import json
import shlex
import signal
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import FUNCTION_MEMORY
from tests.helios.worker_setup import make_spec
from tests.orchestrator.cloud_sites import DRAWS, Clouds, frame_hashes, sound_hash
from tests.sampling import sampled

#: It has sound.
EXAMPLE = Path(__file__).parents[3] / "examples" / "video"
FRAMES = 12
RENDER = ("render", EXAMPLE, "--width", 320, "--height", 180, "--frames", FRAMES, "--chunks", 3)
#: A small page without sound, in a folder of its own.
SHORT = ("render", "page", "--width", 160, "--height", 90, "--frames", FRAMES, "--chunks", 3)
LAMBDA = ("--adapter", "lambda")
CLOUD_RUN = ("--adapter", "cloudrun")

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("clouds")]


@dataclass(frozen=True)
class Expected:
    frames: list[str]
    sound: str


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """Return what the example looks and sounds like when it is rendered here."""
    from tests.orchestrator.conftest import Bench

    bench = Bench(tmp_path_factory.mktemp("expected"))
    done = bench.run(*RENDER, "-o", "v.mp4")
    assert done.status == 0, done.stderr
    video = bench.folder / "v.mp4"
    return Expected(frame_hashes(video), sound_hash(video))


@pytest.fixture
def page(bench: Any) -> Any:
    """Return a folder with a page that is alone in its own."""
    bench.page("page/index.html")
    return bench


def wait_until_idle(clouds: Clouds) -> None:
    """Wait until the function has ended what was asked of it, and nothing more begins."""
    begun, since = 0, time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.05)
        log = clouds.aws.log()
        if log.count("REPORT RequestId") < log.count("START RequestId") or (
            log.count("START RequestId") != begun
        ):
            begun, since = log.count("START RequestId"), time.monotonic()


def check_report(path: Path) -> None:
    """Check that a report of a remote render has what its workers and the video say."""
    report = json.loads(path.read_text("utf-8"))
    assert [chunk["state"] for chunk in report["chunks"]] == ["done"] * 3
    assert all(chunk["attempts"][0]["worker"] for chunk in report["chunks"])
    assert all(sum(span["frames"] for span in chunk["spans"]) == 4 for chunk in report["chunks"])
    assert len(report["filmstrip"]) >= 3
    assert len(report["seams"]["pairs"]) == 2
    assert report["cost"]["total"] > 0
    assert "HeadlessChrome" in report["versions"]["browser"]


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after}


def test_a_render_on_lambda_makes_the_same_video_as_here(
    bench: Any, clouds: Clouds, expected: Expected
) -> None:
    before = clouds.rendered(), clouds.merged()
    done = bench.run(*RENDER, "-o", "v.mp4", *LAMBDA, "--json", env=clouds.env)
    assert done.status == 0, done.stdout + done.stderr
    assert frame_hashes(bench.folder / "v.mp4") == expected.frames
    assert sound_hash(bench.folder / "v.mp4") == expected.sound
    assert difference(before[0], clouds.rendered()) == {"lambda": 3, "cloudrun": 0}
    assert difference(before[1], clouds.merged()) == {"lambda": 0, "cloudrun": 0}
    assert bench.names() == ["page.html", "tmp", "v.mp4"]


def test_a_render_on_cloud_run_makes_the_same_video_as_here_and_tells_frame_by_frame(
    bench: Any, clouds: Clouds, expected: Expected
) -> None:
    before = clouds.rendered(), clouds.merged()
    flags = (*CLOUD_RUN, "--stitch", "worker", "--json")
    done = bench.run(*RENDER, "-o", "v.mp4", *flags, env=clouds.env)
    assert done.status == 0, done.stdout + done.stderr
    assert frame_hashes(bench.folder / "v.mp4") == expected.frames
    assert sound_hash(bench.folder / "v.mp4") == expected.sound
    assert difference(before[0], clouds.rendered()) == {"lambda": 0, "cloudrun": 3}
    assert difference(before[1], clouds.merged()) == {"lambda": 0, "cloudrun": 1}
    frames = [doc["framesDone"] for doc in done.documents if doc["event"] == "frame_progress"]
    assert len(frames) > 3
    assert frames[-1] == FRAMES


@pytest.mark.long
def test_both_clouds_share_a_render_and_its_chunks_come_together_at_one(
    bench: Any, clouds: Clouds, expected: Expected
) -> None:
    before = clouds.rendered(), clouds.merged()
    flags = (*LAMBDA, *CLOUD_RUN, "--stitch", "worker")
    done = bench.run(*RENDER, "-o", "v.mp4", *flags, env=clouds.env)
    assert done.status == 0, done.stderr
    assert frame_hashes(bench.folder / "v.mp4") == expected.frames
    assert sound_hash(bench.folder / "v.mp4") == expected.sound
    shares = difference(before[0], clouds.rendered())
    assert sum(shares.values()) == 3
    assert min(shares.values()) >= 1
    assert sum(difference(before[1], clouds.merged()).values()) == 1


@pytest.mark.long
@pytest.mark.parametrize("adapter", sampled([LAMBDA, CLOUD_RUN], [LAMBDA]))
def test_a_storage_that_joins_chunks_makes_the_same_video_with_its_sound(
    bench: Any, clouds: Clouds, expected: Expected, adapter: tuple[str, str]
) -> None:
    before = clouds.merged()
    flags = (*adapter, "--stitch", "server")
    done = bench.run(*RENDER, "-o", "v.mp4", *flags, env=clouds.env)
    assert done.status == 0, done.stderr
    assert frame_hashes(bench.folder / "v.mp4") == expected.frames
    assert sound_hash(bench.folder / "v.mp4") == expected.sound
    assert set(difference(before, clouds.merged()).values()) == {0}
    assert bench.names() == ["page.html", "tmp", "v.mp4"]
    assert bench.names("tmp") == []


@pytest.mark.long
def test_a_playlist_grows_of_chunks_that_come_from_a_cloud(
    bench: Any, clouds: Clouds, expected: Expected
) -> None:
    done = bench.run(*RENDER, "-o", "v.m3u8", *LAMBDA, env=clouds.env)
    assert done.status == 0, done.stderr
    assert frame_hashes(bench.folder / "v.m3u8") == expected.frames
    assert (bench.folder / "v.m3u8").read_text().endswith("#EXT-X-ENDLIST\n")
    assert bench.names() == ["page.html", "tmp", "v.hls", "v.m3u8"]
    elsewhere = bench.run(*RENDER, "-o", "w.m3u8", *LAMBDA, "--stitch", "worker", env=clouds.env)
    assert elsewhere.status == 2
    assert "a playlist grows on this machine only" in elsewhere.stderr


@pytest.mark.long
def test_another_cloud_takes_the_chunks_of_one_that_is_down(page: Any, clouds: Clouds) -> None:
    before = clouds.rendered()
    flags = (*LAMBDA, *CLOUD_RUN, "--service-url", "http://127.0.0.1:9", "--retries", 0)
    done = page.run(*SHORT, "-o", "v.mp4", *flags, env=clouds.env)
    assert done.status == 0, done.stderr
    assert difference(before, clouds.rendered()) == {"lambda": 3, "cloudrun": 0}
    assert len(frame_hashes(page.folder / "v.mp4")) == FRAMES


@pytest.mark.long
def test_throttling_costs_time_and_no_attempts(page: Any, clouds: Clouds) -> None:
    clouds.aws.aws.deploy(
        "narrow",
        memory=FUNCTION_MEMORY,
        timeout=120,
        variables={**DRAWS, "HELIOS_ARTIFACTS": clouds.aws.artifacts},
        reserved=1,
    )
    flags = (*LAMBDA, "--function", "narrow", "--retries", 0, "--json")
    done = page.run(*SHORT, "-o", "v.mp4", *flags, env=clouds.env)
    assert done.status == 0, done.stdout
    assert not any(doc["event"] == "chunk_retrying" for doc in done.documents)
    assert len(frame_hashes(page.folder / "v.mp4")) == FRAMES


@pytest.mark.long
def test_a_render_stops_at_its_limit_of_cost_and_resumes_with_a_higher_one(
    page: Any, clouds: Clouds
) -> None:
    before = clouds.rendered()
    flags = (*LAMBDA, "--concurrency", 1, "--max-cost", 0.00002, "--json")
    stopped = page.run(*SHORT, "-o", "v.mp4", *flags, env=clouds.env)
    assert stopped.status == 3, stopped.stdout
    [error] = [doc for doc in stopped.documents if doc["event"] == "error"]
    assert error["code"] == "COST_LIMIT"
    [job] = [doc["id"] for doc in stopped.documents if doc["event"] == "job"]
    assert f"orchestrator resume {job}" in error["hint"]
    # The first chunk shows what one costs.
    assert difference(before, clouds.rendered()) == {"lambda": 1, "cloudrun": 0}
    done = page.run("resume", job, "--max-cost", 1, env=clouds.env)
    assert done.status == 0, done.stderr
    assert difference(before, clouds.rendered()) == {"lambda": 3, "cloudrun": 0}
    assert len(frame_hashes(page.folder / "v.mp4")) == FRAMES


@pytest.mark.parametrize(
    ("flags", "bucket"),
    [
        pytest.param(LAMBDA, "s3://helios-artifacts", marks=pytest.mark.long),
        pytest.param(CLOUD_RUN, "gs://helios-artifacts", marks=pytest.mark.proof),
    ],
    ids=["s3", "gs"],
)
def test_a_video_may_stay_in_storage_with_a_link_to_it(
    page: Any, clouds: Clouds, flags: tuple[str, ...], bucket: str
) -> None:
    url = f"{bucket}/videos/v.mp4"
    report = ("--report", "../report.json")
    done = page.run(*SHORT, "-o", url, *flags, "--presign", 300, *report, "--json", env=clouds.env)
    assert done.status == 0, done.stdout
    check_report(page.folder.parent / "report.json")
    [merging] = [doc for doc in done.documents if doc["event"] == "merging"]
    assert merging["reason"] == "stitched by a worker: the video stays in storage"
    [completed] = [doc for doc in done.documents if doc["event"] == "completed"]
    assert completed["output"] == url
    with urllib.request.urlopen(completed["link"]) as answer:
        (page.folder / "v.mp4").write_bytes(answer.read())
    assert len(frame_hashes(page.folder / "v.mp4")) == FRAMES
    assert page.names() == ["page", "page.html", "tmp", "v.mp4"]


@pytest.mark.long
def test_a_stopped_render_prints_how_to_resume_it_and_keeps_its_chunks(
    page: Any, clouds: Clouds
) -> None:
    before = clouds.rendered()["lambda"]
    flags = ("--duration", 2, "--chunks", 8, "--no-audio", "--concurrency", 2)
    command = page.start(*SHORT[:6], "-o", "v.mp4", *flags, *LAMBDA, env=clouds.env)
    command.wait_until(lambda: clouds.rendered()["lambda"] - before >= 2)
    command.signal(signal.SIGINT)
    done = command.end()
    assert done.status == 130, done.stderr
    assert "stopping: no chunk is started; remote workers may finish theirs" in done.stderr
    assert command.family() == set()
    assert page.names() == ["page", "page.html", "tmp", "v.mp4.job"]

    go_on = shlex.split(done.stderr.partition("Resume with: orchestrator ")[2])
    # A job is made of one composition, whatever becomes of the folder.
    page.page("page/index.html", more="<h1>Changed</h1>")
    resumed = page.run(*go_on, env=clouds.env)
    assert resumed.status == 0, resumed.stderr
    assert "the job continues with the version in storage" in resumed.stderr
    assert len(frame_hashes(page.folder / "v.mp4")) == 60
    # Two ran when it was stopped; those may have been rendered twice.
    assert clouds.rendered()["lambda"] - before <= 8 + 2


def killed_and_resumed(page: Any, clouds: Clouds, *command: object, chunks: int) -> None:
    """Kill a render on Lambda in its middle, and go on with what is missing alone."""
    before = clouds.rendered()["lambda"]
    killed = page.start(*command, *LAMBDA, "--concurrency", 2, env=clouds.env)
    killed.wait_until(lambda: clouds.rendered()["lambda"] - before >= 4)
    killed.signal(signal.SIGKILL)
    killed.end()
    [job] = page.run("list", "--state", "interrupted", "--json").documents
    # What the workers were at, they finish.
    wait_until_idle(clouds)
    kept = clouds.rendered()["lambda"] - before
    assert 4 <= kept < chunks

    resumed = page.run("resume", job["id"], "--json", env=clouds.env)
    assert resumed.status == 0, resumed.stdout
    assert clouds.rendered()["lambda"] - before == chunks
    asked = {doc["chunkId"] for doc in resumed.documents if doc["event"] == "chunk_started"}
    assert len(asked) == chunks - kept
    [done] = page.run("list", "--json").documents[:1]
    assert (done["id"], done["state"], done["chunksDone"]) == (job["id"], "completed", chunks)


@pytest.mark.long
def test_a_killed_job_is_resumed_by_rendering_only_what_is_missing(
    page: Any, clouds: Clouds
) -> None:
    merge = "helios merge video.mp4 " + " ".join(f"chunks/{n:05}.mp4" for n in range(12))
    (page.folder / "job").mkdir()
    (page.folder / "job/job.json").write_text(make_spec(chunks=12, merge=merge).to_json())
    here = page.run("run", "job/job.json", "-o", "here.mp4", "--jobs", "none")
    assert here.status == 0, here.stderr
    killed_and_resumed(page, clouds, "run", "job/job.json", "-o", "v.mp4", chunks=12)
    assert frame_hashes(page.folder / "v.mp4") == frame_hashes(page.folder / "here.mp4")


@pytest.mark.long
def test_a_killed_render_is_resumed_to_the_same_video(page: Any, clouds: Clouds) -> None:
    flags = (*SHORT[:6], "--duration", 4, "--chunks", 20, "--no-audio")
    here = page.run(*flags, "-o", "here.mp4", "--jobs", "none")
    assert here.status == 0, here.stderr
    killed_and_resumed(page, clouds, *flags, "-o", "v.mp4", chunks=20)
    assert frame_hashes(page.folder / "v.mp4") == frame_hashes(page.folder / "here.mp4")


@pytest.mark.proof
def test_a_planned_job_runs_in_a_cloud_and_finds_its_chunks_when_it_runs_again(
    page: Any, clouds: Clouds
) -> None:
    planned = page.run("plan", *SHORT[1:], "-o", "job/job.json", "--video", "v.mp4")
    assert planned.status == 0, planned.stderr
    done = page.run("run", "job/job.json", *CLOUD_RUN, env=clouds.env)
    assert done.status == 0, done.stderr
    frames = frame_hashes(page.folder / "job/v.mp4")
    assert len(frames) == FRAMES
    # A spec without an id is known by its content.
    before = clouds.rendered()
    again = page.run("run", "job/job.json", *CLOUD_RUN, "-o", "w.mp4", env=clouds.env)
    assert again.status == 0, again.stderr
    assert clouds.rendered() == before
    assert frame_hashes(page.folder / "w.mp4") == frames


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (LAMBDA, "--adapter lambda: which storage"),
        ((*LAMBDA, "--artifacts", "s3://bucket/x"), "--adapter lambda: no function is named"),
        ((*CLOUD_RUN, "--artifacts", "gs://bucket/x"), "--adapter cloudrun: no service is named"),
        (("--function", "f"), "--function: goes with --adapter lambda"),
        (("--presign", 60), "--presign: there is no video in storage"),
    ],
    ids=["no storage", "no function", "no service", "no adapter", "no video"],
)
def test_a_flag_that_is_missing_is_told_before_any_work(
    page: Any, flags: tuple[str, ...], message: str
) -> None:
    done = page.run(*SHORT, "-o", "v.mp4", *flags, env={"HELIOS_BROWSER": "not-installed"})
    assert done.status == 2
    assert f"error[OPTION_INVALID]: {message}" in done.stderr
    assert page.names() == ["page", "page.html", "tmp"]
