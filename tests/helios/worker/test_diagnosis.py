import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios.contract.error_record import ErrorRecord
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import BrowserCrashed, CompositionFailed, HeliosError, report
from helios.process.render_executor import RenderExecutor
from helios.worker.diagnosis import MemoryWatch, diagnose


def failed(stderr: str, *, exit_code: int = 1) -> WorkerResult:
    return WorkerResult(exit_code=exit_code, stderr=stderr)


def cause(result: WorkerResult, tmp_path: Path, *, memory: MemoryWatch | None = None) -> str | None:
    told = diagnose(result, memory=memory or MemoryWatch([]), workspace=tmp_path)
    return None if told.failure is None else told.failure.code


def run(script: str) -> WorkerResult:
    job = WorkerJob(command="sh", args=["-c", script])
    return asyncio.run(RenderExecutor(allowed=None).run(job))


def test_a_success_stays_one(tmp_path: Path) -> None:
    assert cause(WorkerResult(exit_code=0, stderr="No space left on device"), tmp_path) is None


@pytest.mark.parametrize(
    "stderr",
    [
        "av_interleaved_write_frame(): No space left on device\n",
        "OSError: [Errno 28] No space left on device: 'x'\n",
        "Error: ENOSPC: no space left on device, write\n",
        report(BrowserCrashed("the browser didn't start", details=["No space left on device"])),
    ],
)
def test_a_full_disk_is_known_by_what_programs_say(stderr: str, tmp_path: Path) -> None:
    assert cause(failed(stderr), tmp_path) == "DISK_FULL"


@pytest.mark.parametrize(
    "stderr",
    [
        "x264 [error]: malloc of size 3110464 failed\nCannot allocate memory\n",
        "Traceback (most recent call last):\n  ...\nMemoryError\n",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n",
        "terminate called after throwing an instance of 'std::bad_alloc'\n",
    ],
)
def test_lack_of_memory_is_known_by_what_programs_say(stderr: str, tmp_path: Path) -> None:
    assert cause(failed(stderr), tmp_path) == "OUT_OF_MEMORY"


def test_a_killed_command_ran_out_of_memory(tmp_path: Path) -> None:
    assert cause(run("kill -9 $$"), tmp_path) == "OUT_OF_MEMORY"


def test_a_command_that_ended_otherwise_did_not(tmp_path: Path) -> None:
    assert cause(run("kill -11 $$"), tmp_path) == "COMMAND_FAILED"
    assert cause(run("exit 1"), tmp_path) == "COMMAND_FAILED"


@pytest.mark.parametrize("error", [CompositionFailed("it threw: out of range")])
def test_an_error_that_names_its_cause_is_kept(error: HeliosError, tmp_path: Path) -> None:
    counter = tmp_path / "memory.events"
    counter.write_text("oom_kill 0\n")
    watch = MemoryWatch([counter])
    counter.write_text("oom_kill 5\n")
    result = WorkerResult(exit_code=2, error=ErrorRecord.of(error))
    assert cause(result, tmp_path, memory=watch) == error.code


def test_a_timeout_is_not_taken_for_lack_of_memory(tmp_path: Path) -> None:
    job = WorkerJob(command="sh", args=["-c", 'trap "" TERM; while :; do sleep 0.05; done'])
    result = asyncio.run(RenderExecutor(allowed=None, grace=0.1).run(job, timeout=0.3))
    assert cause(result, tmp_path) == "TIMEOUT"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("low 0\nhigh 0\noom 0\noom_kill 3\n", "low 0\nhigh 0\noom 2\noom_kill 4\n"),
        (
            "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        ),
    ],
    ids=["cgroup v2", "cgroup v1"],
)
def test_the_kernels_count_tells_of_a_browser_that_was_killed(
    before: str, after: str, tmp_path: Path
) -> None:
    counter = tmp_path / "count"
    counter.write_text(before)
    watch = MemoryWatch([counter, tmp_path / "not there"])
    crashed = failed(report(BrowserCrashed("the browser ended during Page.navigate")))
    assert cause(crashed, tmp_path, memory=watch) == "BROWSER_CRASHED"
    counter.write_text(after)
    assert watch.killed()
    assert cause(crashed, tmp_path, memory=watch) == "OUT_OF_MEMORY"


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A control group below this process's own that may hold 64 MiB."""
    base = _own_group()
    if base is None:
        pytest.skip("control groups can't be made here")
    group = base / f"helios-test-{secrets.token_hex(4)}"
    try:
        group.mkdir()
        limit = group / (
            "memory.max" if (group / "memory.max").exists() else "memory.limit_in_bytes"
        )
        limit.write_text(str(64 << 20))
    except OSError as fault:
        pytest.skip(f"control groups can't be made here: {fault}")
    yield group
    group.rmdir()


def _own_group() -> Path | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return Path("/sys/fs/cgroup/memory") / path.lstrip("/")
        if controllers == "" and Path("/sys/fs/cgroup/cgroup.controllers").exists():
            return Path("/sys/fs/cgroup") / path.lstrip("/")
    return None


def test_the_kernel_counts_what_it_kills_and_the_watch_sees_it(memory_group: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from helios.worker.diagnosis import MemoryWatch
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
watch = MemoryWatch()
child = os.fork()
if child == 0:
    hoard = [bytearray(os.urandom(1 << 20)) for _ in range(256)]
    os._exit(0)
_, status = os.waitpid(child, 0)
print(os.WTERMSIG(status), watch.killed())
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(memory_group)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    # The kernel may choose the parent, which then says nothing.
    assert run.stdout.strip() == "9 True" or run.returncode == -9, run.stderr
