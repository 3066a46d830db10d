"""Tasks of a Cloud Run job on this machine: the real worker, a process for each attempt."""

import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.worker_environment import worker_environment

# Variables of this process that name programs, folders and the locale.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HELIOS_BROWSER", "HELIOS_NO_SANDBOX")


class WorkerTasks:
    """Starts tasks for `CloudRunApi`; each has a folder as its disk.

    Args:
        folder: For logs and disks.
        variables: Local endpoints, and the values of Secret Manager; the job's variables take
            precedence.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._variables = variables
        self._numbers = itertools.count()

    def __call__(
        self, command: Sequence[str], variables: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        """Start the process of a task's attempt."""
        disk = self._folder / f"task-{next(self._numbers):05d}"
        disk.mkdir(parents=True)
        environment = worker_environment("worker_cloudrun")
        env = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            "HOME": str(disk),
            "TMPDIR": str(disk),
            "PYTHONUNBUFFERED": "1",
            **environment.variables(os.environ.get("PATH", os.defpath)),
            **self._variables,
            **variables,
        }
        program = str(environment.programs / command[0])
        with (disk / "task.log").open("wb") as log:
            return subprocess.Popen(
                [program, *command[1:]],
                env=env,
                cwd=disk,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def logs(self) -> list[str]:
        """Return the log of each attempt so far."""
        files = sorted(self._folder.glob("task-*/task.log"))
        return [file.read_text("utf-8", "replace") for file in files]
