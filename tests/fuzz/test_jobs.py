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


@pytest.mark.long
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


def test_a_run_goes_on_where_its_log_ends(tmp_path: Path) -> None:
    log = tmp_path / "fuzz.log"
    before = "     1    2.0 s  equal  [box]\n     2    2.0 s  1 chunk: other  [box]\n"
    log.write_text(before)
    command = [sys.executable, "-m", "fuzz", "--times", "1", "--seeds", "1-2,12"]
    command += ["--log", str(log)]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "1 differ: 2" in done.stdout
        [old_first, old_second, new] = log.read_text().splitlines(keepends=True)
        assert old_first + old_second == before
        assert new.split()[0] == "12"
