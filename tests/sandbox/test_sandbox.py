"""`python -m sandbox`: what it starts, what it leaves for shells, and how it ends."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.standing import Standing, is_up, take_down
from tests.processes import lives

ROOT = Path(__file__).parents[2]
SANDBOX = (sys.executable, "-m", "sandbox")
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}


class Up:
    """A sandbox that was started, and the processes that belong to it."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder / "sandbox"
        self.process = subprocess.Popen(
            [*SANDBOX, "up", "--folder", self.folder.name, "--at-once", "1", *flags],
            cwd=folder,
            env=ENV,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.family: list[psutil.Process] = []

    def wait(self) -> str:
        """Return what it prints until it is ready."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("Ctrl-C"):
                break
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return "".join(lines)

    def variables(self) -> dict[str, str]:
        """Return the environment of a shell that sourced what it left."""
        script = f"set -e; source {self.folder}/env; {sys.executable} -c "
        script += "'import json, os; print(json.dumps(dict(os.environ)))'"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def command(self, command: str) -> subprocess.CompletedProcess[str]:
        words = [*SANDBOX, command, "--folder", str(self.folder)]
        return subprocess.run(words, env=ENV, capture_output=True, text=True, check=False)

    def left(self) -> list[psutil.Process]:
        deadline = time.monotonic() + 60
        while (left := list(filter(lives, self.family))) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def close(self) -> None:
        take_down(self.folder)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A sandbox without the stack, which is up sooner."""
    with contextlib.closing(Up(tmp_path, "--plain")) as sandbox:
        yield sandbox


@pytest.mark.proof
@pytest.mark.slow
def test_it_prints_commands_to_try_serves_both_clouds_and_stops_on_request(up: Up) -> None:
    said = up.wait()
    assert "source sandbox/env" in said
    assert said.count("orchestrator render examples/promo") == 2

    found = up.variables()
    assert found["HELIOS_LAMBDA_FUNCTION"] == "helios-worker"
    assert found["HELIOS_S3_ARTIFACTS"].startswith("s3://")
    assert found["HELIOS_GCS_ARTIFACTS"].startswith("gs://")
    assert Path(found["GOOGLE_APPLICATION_CREDENTIALS"]).is_absolute()
    for url in (f"{found['HELIOS_CLOUDRUN_URL']}/readyz", found["AWS_ENDPOINT_URL"]):
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
    assert (up.folder / "env").stat().st_mode & 0o077 == 0

    again = up.command("up")
    assert (again.returncode, again.stderr) == (
        1,
        "the sandbox is up already: make sandbox-down stops it\n",
    )
    down = up.command("down")
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert up.process.wait(60) == 0
    assert up.left() == []
    assert not (up.folder / "env").exists()
    assert up.command("down").stdout == "the sandbox isn't up\n"


@pytest.mark.proof
@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("npm"), reason="the CDK needs Node.js and npm")
def test_its_aws_has_the_stack_and_commands_find_it_by_its_name(tmp_path: Path) -> None:
    with contextlib.closing(Up(tmp_path)) as sandbox:
        said = sandbox.wait()
        found = sandbox.variables()
        done = subprocess.run(
            [Path(sys.executable).with_name("orchestrator"), "list", "--json"],
            env={**found, "XDG_CONFIG_HOME": str(tmp_path), "HELIOS_JOBS": str(tmp_path / "jobs")},
            capture_output=True,
            text=True,
            check=False,
        )

    assert "--detach" in said
    assert (found["HELIOS_STACK"], "HELIOS_LAMBDA_FUNCTION" in found) == ("Helios", False)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


@pytest.mark.proof
@pytest.mark.slow
def test_what_a_killed_one_leaves_is_stopped_later(up: Up) -> None:
    up.wait()
    up.process.send_signal(signal.SIGKILL)
    up.process.wait(60)
    assert not is_up(up.folder)
    assert up.command("down").stdout == "stopped\n"
    assert up.left() == []
    assert list(up.folder.glob("*.json")) == []


def test_a_process_that_has_the_number_of_one_that_is_gone_is_left_alone(tmp_path: Path) -> None:
    other = psutil.Process(os.getppid())
    (tmp_path / "state.json").write_text(json.dumps([[other.pid, other.create_time() - 100]]))
    assert not is_up(tmp_path)
    assert not take_down(tmp_path)
    assert other.is_running()


@pytest.mark.parametrize("state", ["", "{}", "[[1]]", '"x"', "[1]"])
def test_a_state_that_cant_be_read_stands_for_none(tmp_path: Path, state: str) -> None:
    (tmp_path / "state.json").write_text(state)
    assert not is_up(tmp_path)
    assert not take_down(tmp_path)


def test_variables_survive_a_shell_whatever_they_hold(tmp_path: Path) -> None:
    value = "a 'b' \"c\" $d `e` \\ ;"
    with Standing(tmp_path) as standing:
        standing.write({"HELIOS_X": value})
        assert is_up(tmp_path)
        script = f'source "{tmp_path}/env"; printf %s "$HELIOS_X"'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == value
    assert not is_up(tmp_path)
