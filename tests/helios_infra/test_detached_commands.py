"""Detached renders as people start them, over the deployed stack with the real workers in it."""

import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from sandbox.scripted_server import ScriptedServer
from tests.helios_infra.films import (
    FRAMES,
    Renders,
    after_failures,
    complaining,
    film,
    once_there_is,
    paint,
)
from tests.orchestrator.cloud_sites import frame_hashes
from tests.orchestrator.conftest import Bench, Ended
from tests.orchestrator.cost_limit import check_cost_limit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("deployed"),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
]

ROOT = Path(__file__).parents[2]


class Client:
    """The command line of a user who has connected to the stack."""

    def __init__(self, bench: Bench, renders: Renders) -> None:
        self.bench = bench
        self.renders = renders
        self.env = {**renders.aws.variables, "XDG_CONFIG_HOME": str(bench.folder / "settings")}
        connected = self.run("connect", "--stack", renders.stack.name)
        assert connected.status == 0, connected.stderr

    def run(self, *arguments: object) -> Ended:
        return self.bench.run(*arguments, env=self.env)

    def job(self, spec: JobSpec) -> str:
        """Write a job spec, and return the file's name."""
        name = f"{spec.id}.json"
        (self.bench.folder / name).write_text(spec.to_json(), "utf-8")
        return name

    def status(self, render: str) -> dict[str, Any]:
        done = self.run("status", render, "--json")
        assert done.status == 0, done.stdout
        (document,) = done.documents
        return document


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, renders: Renders) -> Client:
    return Client(Bench(tmp_path_factory.mktemp("client")), renders)


@pytest.mark.long
def test_one_request_is_one_render_however_often_it_is_made_and_has_its_video(
    client: Client, receiver: ScriptedServer
) -> None:
    job = client.job(film("asked", [paint(0), paint(1)]))
    webhook = f"{receiver.endpoint}/ended?key=of-receiver"
    request = ("run", job, "--detach", "--json", "--webhook", webhook, "--webhook-link", "30m")

    both = [client.bench.start(*request, env=client.env) for _ in range(2)]
    answers = [command.end().documents[-1] for command in both]
    watched = client.run("watch", "asked", "--interval", 0.2, "--json")
    other = client.run("run", client.job(film("asked", [paint(0)])), "--detach")
    fetched = client.run("fetch", "asked", "-o", "asked.mp4")
    linked = client.run("fetch", "asked", "--link", "--expires", "90s", "--json")

    assert [answer["id"] for answer in answers] == ["asked"] * 2
    assert sorted(answer["new"] for answer in answers) == [False, True]
    assert watched.status == 0, watched.stdout
    completed = watched.documents[-1]
    url = f"{client.renders.stack.artifacts}/jobs/asked/output/film.mp4"
    assert (completed["event"], completed["output"]) == ("completed", url)
    assert other.status == 2
    assert "error[JOB_EXISTS]: render 'asked'" in other.stderr
    assert fetched.status == 0, fetched.stderr
    assert len(frame_hashes(client.bench.folder / "asked.mp4")) == 2 * FRAMES
    (event,) = client.renders.told("asked", receiver)
    assert event.link is not None, event.link_error
    for link in (linked.documents[-1]["link"], event.link):
        with urllib.request.urlopen(link) as answer:
            assert answer.read() == (client.bench.folder / "asked.mp4").read_bytes()
    assert receiver.requests[0].path == "/ended?key=of-receiver"
    assert (event.type, event.job_id, event.output) == ("job.completed", "asked", url)
    assert (event.chunks_done, event.chunks_total) == (2, 2)
    assert (event.frames_done, event.frames_total) == (2 * FRAMES, 2 * FRAMES)


@pytest.mark.proof
def test_progress_is_what_workers_recorded_and_a_cancelled_render_ends(
    client: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    spec = film("halfway", [paint(0), once_there_is(gate, paint(1)), paint(2)])
    started = client.run("run", client.job(spec), "--detach", "--concurrency", 1)
    watching = client.bench.start("watch", "halfway", "--interval", 0.2, env=client.env)
    watching.wait_until(lambda: 0 in client.renders.records("halfway"))

    status = client.status("halfway")
    cancelled = client.run("cancel", "halfway", "--reason", "enough of it", "--json")
    gate.touch()  # an execution that is stopped here ends with what it was at
    watched = watching.end()

    assert (started.status, started.stdout) == (0, "halfway\n")
    assert (status["state"], status["chunksDone"], status["chunksTotal"]) == ("running", 1, 3)
    assert (status["framesDone"], status["framesTotal"]) == (FRAMES, 3 * FRAMES)
    assert cancelled.documents[-1]["event"] == "cancelled"
    assert watched.status == 130
    assert "job 'halfway': cancelled: [CANCELLED] enough of it" in watched.stderr


@pytest.mark.proof
def test_a_failed_render_is_told_with_its_chunk_and_has_no_video(
    client: Client, tmp_path: Path
) -> None:
    hopeless = after_failures(paint(1), marks=str(tmp_path / "marks"), failures=99)
    noisy = complaining(paint(0), problem="no such map")
    spec = film("told", [noisy, complaining(hopeless, problem="no such font")])
    assert client.run("run", client.job(spec), "--detach").status == 0

    watched = client.run("watch", "told", "--interval", 0.3)
    fetched = client.run("fetch", "told", "-o", "told.mp4")

    assert watched.status == 1  # another try may help
    assert "job 'told': failed: [COMMAND_FAILED] chunk 1: " in watched.stderr
    status = client.status("told")
    assert (status["state"], status["output"]) == ("failed", None)
    assert [chunk["chunkId"] for chunk in status["failedChunks"]] == [1]
    assert fetched.status == 2
    assert "there is no video: it is failed" in fetched.stderr
    # What the pages logged, and where the workers' log is.
    assert "chunk 0: page[frame 3] error: no such map" in watched.stderr
    assert "  page[frame 3] error: no such font" in watched.stderr
    assert "chunk 1, attempt 3: [COMMAND_FAILED]" in watched.stderr
    assert "log: https://us-east-1.console.aws.amazon.com/cloudwatch/" in watched.stderr
    (problems,) = status["pageProblems"]
    assert problems["messages"] == [
        {"frame": 3, "level": "error", "text": "no such map", "count": 1}
    ]
    logged = client.run("logs", "told", "--chunk", 1)
    assert logged.status == 0, logged.stderr
    assert logged.stdout.count('"event": "invocation.ended"') == 3
    assert logged.stdout.count("REPORT RequestId: ") == 3
    assert not (client.bench.folder / "told.mp4").exists()


@pytest.mark.long
def test_a_failed_render_is_resumed_with_the_missing_chunks(client: Client, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    mended = after_failures(paint(1), marks=str(marks), failures=3)  # as many as the first run has
    spec = film("mended", [paint(0), mended, paint(2)])
    assert client.run("run", client.job(spec), "--detach").status == 0
    assert client.run("watch", "mended", "--interval", 0.3).status == 1

    resumed = client.run("resume", "mended", "--json")
    watched = client.run("watch", "mended", "--interval", 0.3)

    assert resumed.status == 0, resumed.stdout
    assert resumed.documents[-1]["event"] == "resumed"
    assert watched.status == 0, watched.stderr
    assert client.status("mended")["state"] == "completed"
    attempts = {id_: each["attempt"] for id_, each in client.renders.records("mended").items()}
    assert attempts == {0: 1, 1: 1, 2: 1}
    assert len(list(marks.iterdir())) == 4
    assert "is completed" in client.run("resume", "mended").stderr


@pytest.mark.proof
@pytest.mark.browser
def test_the_smoke_check_of_a_deployed_stack_passes_here_as_well(client: Client) -> None:
    done = subprocess.run(
        [ROOT / "scripts/smoke", "aws", "--stack", client.renders.stack.name],
        env={**os.environ, **client.env},
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
    client: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = client.job(film("dear", [paint(0), once_there_is(gate, paint(1))]))
    check_cost_limit(client.run, job, gate)
