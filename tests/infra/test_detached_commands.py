"""Detached renders as people start them, over the deployed stack with the real workers in it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from helios.command import format_command
from helios.job_spec import JobSpec
from tests.infra.films import Renders, after_failures, film, paint
from tests.orchestrator.clouds import frame_hashes
from tests.orchestrator.conftest import Bench, Ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("deployed"),
    pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm"),
]

#: Waits until a file is there.
_UNTIL = """
import pathlib, subprocess, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


class Client:
    """The command line of somebody who has connected to the stack."""

    def __init__(self, bench: Bench, renders: Renders) -> None:
        self.bench = bench
        self.renders = renders
        self.env = {**renders.aws.variables, "XDG_CONFIG_HOME": str(bench.folder / "settings")}
        connected = self.run("connect", "--stack", renders.stack.name)
        assert connected.status == 0, connected.stderr

    def run(self, *arguments: object) -> Ended:
        return self.bench.run(*arguments, env=self.env)

    def submit(self, spec: JobSpec, *flags: object) -> Ended:
        """Start the render of a job spec under the job's own id."""
        (self.bench.folder / f"{spec.id}.json").write_text(spec.to_json(), "utf-8")
        return self.run("run", f"{spec.id}.json", "--detach", *flags)

    def status(self, render: str) -> dict[str, Any]:
        done = self.run("status", render, "--json")
        assert done.status == 0, done.stdout
        (document,) = done.documents
        return document

    def stored(self, render: str) -> int:
        """Return how many chunks workers have rendered for a job."""
        log = self.renders.aws.log(self.renders.stack.chunk_function)
        events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        return sum(
            event.get("event") == "chunk.stored" and f"jobs/{render}/" in event.get("job", "")
            for event in events
        )


@pytest.fixture
def client(tmp_path: Path, renders: Renders) -> Client:
    return Client(Bench(tmp_path), renders)


@pytest.mark.browser
def test_a_detached_render_makes_the_same_video_as_here(client: Client) -> None:
    client.bench.page("page/index.html")
    what = ("render", "page", "-o", "v.mp4", "--width", 160, "--height", 90, "--frames", 60)

    started = client.run(*what, "--detach", "--chunks", 3, "--request-id", "same")
    watched = client.run("watch", "same", "--interval", 0.5, "--json")
    fetched = client.run("fetch", "same", "-o", "fetched.mp4")
    here = client.run(*what)

    assert (started.status, started.stdout) == (0, "same\n"), started.stderr
    assert watched.status == 0, watched.stdout
    documents = watched.documents
    assert [document["event"] for document in (documents[0], documents[-1])] == [
        "watching",
        "completed",
    ]
    assert (
        documents[-1]["output"]["url"] == f"{client.renders.stack.artifacts}/jobs/same/output/v.mp4"
    )
    assert fetched.status == here.status == 0, fetched.stderr + here.stderr
    frames = frame_hashes(client.bench.folder / "fetched.mp4")
    assert len(frames) == 60
    assert frames == frame_hashes(client.bench.folder / "v.mp4")
    listed = client.run("list", "--json").documents[0]["renders"]
    assert listed[0]["id"] == "same"
    assert "same  completed" in client.run("list").stdout


def test_one_request_is_one_render_however_often_it_is_made(client: Client) -> None:
    spec = film("asked-twice", [paint(index) for index in range(3)])
    (client.bench.folder / "job.json").write_text(spec.to_json(), "utf-8")
    request = ("run", "job.json", "--detach", "--json")

    both = [client.bench.start(*request, env=client.env) for _ in range(2)]
    ends = [command.end() for command in both]
    watched = client.run("watch", "asked-twice")
    late = client.run(*request)
    other = client.submit(film("asked-twice", [paint(index) for index in range(4)]))

    assert [end.status for end in ends] == [0, 0], ends
    answers = [end.documents[-1] for end in ends]
    assert [answer["id"] for answer in answers] == ["asked-twice"] * 2
    assert sorted(answer["new"] for answer in answers) == [False, True]
    assert watched.status == 0, watched.stderr
    assert late.documents[-1]["state"] == "completed"
    assert client.stored("asked-twice") == 3
    assert other.status == 2
    assert "error[JOB_EXISTS]: render 'asked-twice'" in other.stderr


def test_a_failed_render_is_told_with_its_chunk_and_has_no_video(
    client: Client, tmp_path: Path
) -> None:
    hopeless = after_failures(paint(1), marks=str(tmp_path / "marks"), failures=99)
    assert client.submit(film("told", [paint(0), hopeless])).status == 0

    watched = client.run("watch", "told", "--interval", 0.3)
    fetched = client.run("fetch", "told", "-o", "v.mp4")

    assert watched.status == 2
    assert "render 'told': failed: [COMMAND_FAILED] chunk 1: " in watched.stderr
    status = client.status("told")
    assert (status["state"], status["output"]) == ("failed", None)
    assert [chunk["chunkId"] for chunk in status["failedChunks"]] == [1]
    assert fetched.status == 2
    assert "there is no video: it is failed" in fetched.stderr
    assert not (client.bench.folder / "v.mp4").exists()


def test_progress_is_right_after_any_restart_and_a_cancelled_render_stops(
    client: Client, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    waiting = f"{format_command(['python3', '-c', _UNTIL, str(gate)])} {paint(2)}"
    commands = [paint(0), paint(1), waiting, waiting, waiting]
    spec = film("halfway", [c.replace("chunks/2", f"chunks/{i}") for i, c in enumerate(commands)])
    assert client.submit(spec, "--concurrency", 3).status == 0
    watching = client.bench.start("watch", "halfway", "--interval", 0.2, "--json", env=client.env)
    watching.wait_until(lambda: client.status("halfway")["chunksDone"] == 2)
    watching.process.kill()
    watching.end()

    status = client.status("halfway")
    cancelled = client.run("cancel", "halfway", "--reason", "enough of it", "--json")
    gate.touch()
    watched = client.run("watch", "halfway", "--interval", 0.3)

    assert (status["state"], status["chunksTotal"]) == ("running", 5)
    assert (status["framesDone"], status["framesTotal"]) == (10, 25)
    assert cancelled.documents[-1]["event"] == "cancelled"
    assert watched.status == 2
    assert "render 'halfway': cancelled: [CANCELLED] enough of it" in watched.stderr
    assert client.status("halfway")["chunksDone"] < 5
    again = client.run("cancel", "halfway")
    assert again.status == 0
    assert client.renders.outcome("halfway")["status"] == "cancelled"


@pytest.mark.browser
def test_a_stack_by_its_name_serves_renders_from_here_as_well(client: Client) -> None:
    client.bench.page("page/index.html")
    what = ("render", "page", "--width", 160, "--height", 90, "--frames", 40, "--chunks", 2)
    there = f"{client.renders.stack.artifacts}/videos/attached.mp4"

    done = client.run(*what, "-o", there, "--adapter", "lambda", "--stack", "Helios", "--json")

    assert done.status == 0, done.stdout + done.stderr
    assert done.documents[-1]["output"] == there
    assert client.renders.keys("videos/") == ["videos/attached.mp4"]
