"""Finds the cause of failures that commands can't report: exhausted memory or disk."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from helios.contract.error_record import ErrorRecord
from helios.contract.worker_job import WorkerResult
from helios.errors import BrowserCrashed, CommandFailed, DiskFull, EncodeFailed, OutOfMemory
from helios.records.page_problems import problems_in

#: Failures that exhausted memory or a full disk may have caused; others name their cause.
_UNEXPLAINED = frozenset({CommandFailed.code, BrowserCrashed.code, EncodeFailed.code})
_EXIT_KILLED = 128 + 9
#: Free bytes below which a disk counts as full.
_MIN_FREE_BYTES = 1024 * 1024

_NO_MEMORY = re.compile(
    r"Cannot allocate memory|\bMemoryError\b|heap out of memory|Out of memory|\bENOMEM\b"
    r"|std::bad_alloc|V8 javascript OOM|the page's process was killed"
)
_NO_SPACE = re.compile(r"No space left on device|\bENOSPC\b|Disk quota exceeded")

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


class MemoryWatch:
    """Detects that the kernel killed processes of this worker for lack of memory.

    It reads the kernel's counters, by default those of this process's control group. Without
    counters, it detects nothing.
    """

    def __init__(self, files: list[Path] | None = None) -> None:
        self._files = _counters() if files is None else files
        self._before = self._count()

    def killed(self) -> bool:
        """Return whether a process was killed since the watch was created."""
        return self._count() > self._before

    def _count(self) -> int:
        return sum(map(_kills, self._files))


def diagnose(result: WorkerResult, *, memory: MemoryWatch, workspace: Path) -> WorkerResult:
    """Return a command's result with the cause of its failure, if it can be found.

    `memory` was created before the command started; `workspace` is on the disk that it wrote to.
    """
    error = result.failure
    if error is None or error.code not in _UNEXPLAINED:
        return result
    output = "\n".join([error.message, *(error.details or ()), result.stderr])
    if _NO_SPACE.search(output) or _is_full(workspace):
        return replace(result, error=ErrorRecord.of(_disk_full(error)))
    if memory.killed() or result.exit_code == _EXIT_KILLED or _NO_MEMORY.search(output):
        return replace(result, error=ErrorRecord.of(_out_of_memory(error)))
    return result


def with_page_problems(error: ErrorRecord, stderr: str) -> ErrorRecord:
    """Return an error with the page's errors and warnings in its details.

    They are read from the end of the command's stderr, which records of failures don't contain.
    """
    lines = map(str, problems_in(stderr.splitlines()))
    details = list(dict.fromkeys([*(error.details or ()), *lines]))
    return error.model_copy(update={"details": details or None})


def _disk_full(error: ErrorRecord) -> DiskFull:
    return DiskFull(
        f"no space left on the worker's disk: {error.message}",
        hint="Give the worker more temporary storage, or make chunks shorter.",
        details=error.details or (),
    )


def _out_of_memory(error: ErrorRecord) -> OutOfMemory:
    return OutOfMemory(
        f"out of memory: {error.message}",
        hint="Give the worker more memory, or render at a smaller size.",
        details=error.details or (),
    )


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _MIN_FREE_BYTES
    except OSError:
        return False


def _counters() -> list[Path]:
    """Return the files with the kernel's count of killed processes of this control group."""
    try:
        groups = _MEMBERSHIP.read_text().splitlines()
    except OSError:
        return []
    candidates = [_CGROUP / "memory.events", _CGROUP / "memory" / "memory.oom_control"]
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers == "":
            candidates.append(_CGROUP / path.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            candidates.append(_CGROUP / "memory" / path.lstrip("/") / "memory.oom_control")
    return [path for path in dict.fromkeys(candidates) if path.is_file()]


def _kills(file: Path) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.isdigit():
            return int(value)
    return 0
