"""A running sandbox: finding, using and stopping it."""

import contextlib
import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

#: Seconds to wait for the sandbox to stop.
PATIENCE = 30.0
# Seconds between two checks.
_POLL = 0.1

_STATE = "state.json"
_VARIABLES = "env"


class Standing:
    """Records in a folder that this process runs the sandbox, for the duration of the context.

    Args:
        folder: Folder of the record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._note()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in (_STATE, _VARIABLES):
            (self._folder / name).unlink(missing_ok=True)

    def write(self, variables: Mapping[str, str]) -> None:
        """Write the variables for shells, once the sandbox is complete."""
        self._note()
        lines = [f"export {name}={shlex.quote(variables[name])}\n" for name in sorted(variables)]
        path = self._folder / _VARIABLES
        path.touch(mode=0o600)
        path.write_text("".join(lines), "utf-8")

    def _note(self) -> None:
        # With its children, which outlive it if it is killed.
        me = psutil.Process()
        known = [[process.pid, process.create_time()] for process in [me, *_family(me)]]
        (self._folder / _STATE).write_text(json.dumps(known), "utf-8")


def is_up(folder: Path) -> bool:
    """Return whether the sandbox recorded in this folder runs."""
    processes = _processes(folder)
    return bool(processes) and processes[0] is not None


def take_down(folder: Path) -> bool:
    """Stop the sandbox of a folder, with its child processes; False if there was none."""
    found = [process for process in _processes(folder) if process is not None]
    if not found:
        return False
    with contextlib.suppress(psutil.Error):
        found[0].terminate()
    deadline = time.monotonic() + PATIENCE
    while _lives(found[0]) and time.monotonic() < deadline:
        time.sleep(_POLL)
    # A killed sandbox leaves these.
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    for name in (_STATE, _VARIABLES):
        (folder / name).unlink(missing_ok=True)
    return True


def _processes(folder: Path) -> list[psutil.Process | None]:
    try:
        known = json.loads((folder / _STATE).read_text("utf-8"))
        return [_alive(pid, created) for pid, created in known]
    except (OSError, ValueError, TypeError):
        return []


def _alive(pid: int, created: float) -> psutil.Process | None:
    """Return a process, unless another one has its id."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < 1
    except psutil.Error:
        return None
    return process if same and _lives(process) else None


def _lives(process: psutil.Process) -> bool:
    try:
        # Its parent may have ended, or not have read its status.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _family(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)
