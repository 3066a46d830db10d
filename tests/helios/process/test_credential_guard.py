"""What other processes of a worker's user can read of the worker."""

import os
import subprocess
from pathlib import Path

import pytest

from helios.process import credential_guard

#: User id without rights on Debian, as in the workers' images.
UNPRIVILEGED = 65534

#: A Python that every user may start.
PYTHON = "/usr/bin/python3"

pytestmark = pytest.mark.skipif(
    not os.access(PYTHON, os.X_OK) or os.geteuid() != 0,
    reason="only root can run processes as another user",
)

WORKER = f"""
{Path(credential_guard.__file__).read_text("utf-8")}
import subprocess, sys
if sys.argv[1] == "guarded":
    guard_credentials()
read = "import sys; print(open('/proc/' + sys.argv[1] + '/' + sys.argv[2], 'rb').read())"
import os
for name in ("environ", "mem", "maps"):
    subprocess.run([sys.executable, "-c", read, str(os.getpid()), name], env={{}})
"""


def worker(state: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PYTHON, "-c", WORKER, state],
        env={"AWS_SECRET_ACCESS_KEY": "hidden"},
        cwd="/",
        capture_output=True,
        text=True,
        user=UNPRIVILEGED,
        group=UNPRIVILEGED,
        extra_groups=[],
        check=False,
    )


def test_a_commands_process_reads_no_credentials_of_the_worker() -> None:
    done = worker("guarded")
    assert "hidden" not in done.stdout
    assert done.stderr.count("PermissionError") == 3


def test_without_the_guard_it_would() -> None:
    assert "hidden" in worker("plain").stdout
