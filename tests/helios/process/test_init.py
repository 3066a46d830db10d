"""The init process of the images."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helios.process import credential_guard, init
from tests.helios.process.test_credential_guard import PYTHON, UNPRIVILEGED

INIT = [sys.executable, "-m", "helios.process.init"]
#: Leaves an orphan that ends at once, and says how many zombies the init process has later.
ORPHAN = """
import os, time
if os.fork() == 0:
    if os.fork() > 0:
        os._exit(0)
    time.sleep(0.2)
    os._exit(0)
os.wait()
deadline = time.monotonic() + 10
children = f"/proc/{os.getppid()}/task/{os.getppid()}/children"
while open(children).read().split() != [str(os.getpid())] and time.monotonic() < deadline:
    time.sleep(0.05)
print(len(open(children).read().split()))
"""


def test_orphans_are_reaped() -> None:
    done = subprocess.run(
        [*INIT, sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


@pytest.mark.parametrize(("code", "status"), [("exit 7", 7), ("kill -KILL $$", 137)])
def test_the_exit_status_is_that_of_the_program(code: str, status: int) -> None:
    assert subprocess.run([*INIT, "sh", "-c", code], check=False).returncode == status


def test_signals_reach_the_program(tmp_path: Path) -> None:
    code = f"trap 'exit 5' TERM; : > {tmp_path}/ready; while :; do sleep 0.05; done"
    process = subprocess.Popen([*INIT, "sh", "-c", code])
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 5


@pytest.mark.skipif(
    not os.access(PYTHON, os.X_OK) or os.geteuid() != 0,
    reason="only root can run processes as another user",
)
def test_what_it_runs_cannot_read_its_environment() -> None:
    source = Path(credential_guard.__file__).read_text("utf-8")
    source += Path(init.__file__).read_text("utf-8").replace("from helios.process", "# ")
    done = subprocess.run(
        [PYTHON, "-c", source, "sh", "-c", "cat /proc/$PPID/environ; echo ended"],
        env={"AWS_SECRET_ACCESS_KEY": "hidden", "PATH": os.defpath},
        cwd="/",
        capture_output=True,
        text=True,
        user=UNPRIVILEGED,
        group=UNPRIVILEGED,
        extra_groups=[],
        check=False,
    )
    assert done.stdout == "ended\n", done.stderr
    assert "Permission denied" in done.stderr
