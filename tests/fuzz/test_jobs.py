"""Pages and seeds run in several processes at once."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("fuzz"),
]


def test_seeds_run_side_by_side_and_a_stopped_run_leaves_no_process() -> None:
    command = [sys.executable, "-m", "fuzz", "--jobs", "2", "--seeds", "1-50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        lines = [run.stdout.readline(), run.stdout.readline()]
        family = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGTERM)
        run.wait(60)
    assert len({int(line.split()[0]) for line in lines}) == 2
    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []


def test_pages_and_seeds_share_the_processes() -> None:
    page = str(Path(__file__).with_name("found") / "answers-of-a-worker")
    command = [sys.executable, "-m", "fuzz", "--jobs", "2", "--times", "1"]
    command += ["--pages", page, "--seeds", "12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {page, "12"}
    assert "0 differ" in last
