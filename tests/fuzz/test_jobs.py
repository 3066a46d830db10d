"""Seeds run in several processes at once."""

import signal
import subprocess
import sys

import psutil
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("fuzz")]


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
