import asyncio
import os
import shlex
import sys
import time
from pathlib import Path

import psutil
import pytest

from helios.contract.messages.output_tail import MAX_OUTPUT_BYTES
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.render_executor import RenderExecutor
from tests.processes import lives


def executor(tmp_path: Path, *, grace: float = 0.5) -> RenderExecutor:
    return RenderExecutor(allowed=None, temp_dir=tmp_path, grace=grace)


def shell(script: str) -> WorkerJob:
    return WorkerJob(command="sh", args=["-c", script])


def run(tmp_path: Path, script: str) -> WorkerResult:
    return asyncio.run(executor(tmp_path).run(shell(script)))


def wait_for(path: Path) -> str:
    for _ in range(500):
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text()
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if lives(pid)]


#: A child in the group, one in a session of its own, an orphan in a session of its own, and one
#: that ignores SIGTERM; all write their process ids.
FAMILY = """
cd {folder}
sleep 300 & echo $! > child.tmp
setsid sh -c 'echo $$ > session.tmp; touch "$TMPDIR/file"; sleep 300' &
sh -c 'setsid sh -c "echo \\$\\$ > orphan.tmp; sleep 300" &'
sh -c 'trap "" TERM; echo $$ > stubborn.tmp; while :; do sleep 1; done' &
while [ $(cat *.tmp | wc -l) -lt 4 ]; do sleep 0.01; done
cat *.tmp > pids.tmp2; mv pids.tmp2 pids
{then}
"""


def family(folder: Path, *, then: str = "wait") -> WorkerJob:
    folder.mkdir()
    return shell(FAMILY.format(folder=folder, then=then))


def assert_family_is_gone(folder: Path, scratch: Path) -> None:
    pids = [int(line) for line in (folder / "pids").read_text().split()]
    assert len(pids) == 4
    assert alive(pids) == []
    assert list(scratch.iterdir()) == []


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_command_returns_its_outputs(tmp_path: Path) -> None:
    result = run(tmp_path, "echo out; echo err >&2")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "out\n", "err\n")
    assert result.error is None
    assert result.duration_ms > 0


def test_arguments_reach_the_program_untouched(tmp_path: Path) -> None:
    arguments = ["$HOME", "a b", "", "*", ";", "é\n"]
    job = WorkerJob(command="printf", args=["<%s>", *arguments])
    result = asyncio.run(executor(tmp_path).run(job))
    assert result.stdout == "".join(f"<{argument}>" for argument in arguments)


def test_folder_and_environment_are_the_jobs(tmp_path: Path) -> None:
    job = WorkerJob(
        command="sh", args=["-c", 'pwd; echo "$BASE $OWN"'], cwd=str(tmp_path), env={"OWN": "2"}
    )
    base = RenderExecutor(allowed={"sh"}, env={"BASE": "1", "PATH": os.environ["PATH"]})
    assert asyncio.run(base.run(job)).stdout == f"{tmp_path}\n1 2\n"


def test_each_command_has_an_empty_temporary_folder_that_goes_with_it(scratch: Path) -> None:
    async def many() -> list[WorkerResult]:
        runner = executor(scratch)
        script = 'ls "$TMPDIR"; touch "$TMPDIR/left"; mkdir "$TMPDIR/deep"; echo "$TMPDIR"'
        scripts = [script, "true"] * 5
        return await asyncio.gather(*(runner.run(shell(script)) for script in scripts))

    results = asyncio.run(many())
    folders = [result.stdout for result in results if result.stdout]
    assert all(folder.count("\n") == 1 for folder in folders)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["rm", "/usr/bin/ffmpeg", "./helios", "../ffmpeg", "", "HELIOS"])
def test_only_executables_on_the_allow_list_run(name: str) -> None:
    result = asyncio.run(RenderExecutor().run(WorkerJob(command=name)))
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("COMMAND_FORBIDDEN", False)


def test_a_path_runs_when_it_is_on_the_allow_list() -> None:
    runner = RenderExecutor(allowed={"/bin/true"})
    assert asyncio.run(runner.run(WorkerJob(command="/bin/true"))).exit_code == 0


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", "/", ""])
def test_an_executable_that_is_missing_is_said_to_be(tmp_path: Path, name: str) -> None:
    result = asyncio.run(executor(tmp_path).run(WorkerJob(command=name, cwd=str(tmp_path))))
    assert result.exit_code != 0
    assert result.error is not None
    assert not result.error.retryable
    if name != "/":
        assert result.error.code == "COMMAND_NOT_FOUND"


def test_a_job_cannot_bring_its_own_path_to_executables(tmp_path: Path) -> None:
    impostor = tmp_path / "node"
    impostor.write_text("#!/bin/sh\necho impostor\n")
    impostor.chmod(0o755)
    job = WorkerJob(command="node", args=["-p", "1+1"], env={"PATH": str(tmp_path)})
    assert "impostor" not in asyncio.run(RenderExecutor().run(job)).stdout


def test_helios_is_found_beside_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "helios"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    runner = RenderExecutor(env={"PATH": "/usr/bin:/bin"})
    assert asyncio.run(runner.run(WorkerJob(command="helios"))).stdout == "found\n"


@pytest.mark.parametrize(
    "job",
    [
        WorkerJob(command="true", cwd="/no/such/folder"),
        WorkerJob(command="true", args=["a\0b"]),
        WorkerJob(command="true", args=["x" * 10_000_000]),
        WorkerJob(command="true", env={"A\0": "b"}),
        WorkerJob(command="tr\0ue"),
    ],
)
def test_what_cannot_start_is_a_failure_that_no_retry_heals(scratch: Path, job: WorkerJob) -> None:
    result = asyncio.run(executor(scratch).run(job))
    assert result.error is not None
    assert not result.error.retryable
    assert list(scratch.iterdir()) == []


def test_a_report_on_stderr_explains_the_failure(tmp_path: Path) -> None:
    result = run(tmp_path, "echo 'error[BROWSER_CRASHED] (retryable): gone' >&2; exit 1")
    assert result.error is not None
    assert (result.error.code, result.error.message) == ("BROWSER_CRASHED", "gone")
    assert result.error.retryable


def test_a_failure_without_report_names_the_exit_status(tmp_path: Path) -> None:
    result = run(tmp_path, "exit 3")
    assert result.exit_code == 3
    assert result.error is not None
    assert result.error.code == "COMMAND_FAILED"
    assert "3" in result.error.message


def test_a_death_by_signal_names_the_signal(tmp_path: Path) -> None:
    result = run(tmp_path, "kill -SEGV $$")
    assert result.exit_code == 128 + 11
    assert result.error is not None
    assert "SIGSEGV" in result.error.message
    assert result.error.retryable


def test_lines_arrive_while_the_command_runs(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []
    heard = tmp_path / "heard"
    waits = f"until [ -e {shlex.quote(str(heard))} ]; do sleep 0.01; done"
    job = shell(f"echo one; printf 'a\\rb\\r' >&2; {waits}; printf 'last'")

    def note(stream: str, text: str) -> None:
        lines.append((stream, text))
        if len(lines) == 3:
            heard.touch()

    asyncio.run(executor(tmp_path).run(job, on_output=note))
    assert lines[-1] == ("stdout", "last")
    assert sorted(lines) == [
        ("stderr", "a"),
        ("stderr", "b"),
        ("stdout", "last"),
        ("stdout", "one"),
    ]


def test_a_listener_that_fails_ends_the_command(tmp_path: Path) -> None:
    def fail(stream: str, text: str) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        asyncio.run(executor(tmp_path).run(shell("echo x; sleep 3600"), on_output=fail))


def test_an_endless_output_keeps_its_end_in_bounded_memory(tmp_path: Path) -> None:
    result = run(tmp_path, "head -c 30000000 /dev/zero | tr '\\0' x; echo end")
    assert result.stdout.startswith("[... ")
    assert result.stdout.endswith("xend\n")
    assert len(result.stdout) <= MAX_OUTPUT_BYTES


@pytest.mark.slow
def test_a_time_out_ends_every_process_and_removes_temporary_files(
    tmp_path: Path, scratch: Path
) -> None:
    job = family(tmp_path / "family")
    result = asyncio.run(executor(scratch).run(job, timeout=1.5))
    assert result.error is not None
    assert (result.error.code, result.error.retryable) == ("TIMEOUT", True)
    assert_family_is_gone(tmp_path / "family", scratch)


def test_a_cancellation_ends_every_process_and_removes_temporary_files(
    tmp_path: Path, scratch: Path
) -> None:
    async def start_and_cancel() -> None:
        task = asyncio.create_task(executor(scratch).run(family(tmp_path / "family")))
        await asyncio.to_thread(wait_for, tmp_path / "family" / "pids")
        task.cancel()
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start_and_cancel())
    assert_family_is_gone(tmp_path / "family", scratch)


@pytest.mark.parametrize("then", ["exit 1", "kill -KILL $$"])
def test_a_command_that_dies_takes_its_processes_along(
    tmp_path: Path, scratch: Path, then: str
) -> None:
    asyncio.run(executor(scratch).run(family(tmp_path / "family", then=then)))
    assert_family_is_gone(tmp_path / "family", scratch)


def test_a_background_process_does_not_outlive_a_successful_command(
    tmp_path: Path, scratch: Path
) -> None:
    result = asyncio.run(executor(scratch).run(family(tmp_path / "family", then="exit 0")))
    assert result.exit_code == 0
    assert_family_is_gone(tmp_path / "family", scratch)


def test_a_cancellation_at_any_moment_leaves_nothing(scratch: Path) -> None:
    async def cancel_soon(runner: RenderExecutor, delay: float) -> None:
        task = asyncio.create_task(runner.run(shell("sleep 300 & sleep 300")))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def at_many_moments() -> None:
        runner = executor(scratch)
        await asyncio.gather(*(cancel_soon(runner, step / 1000) for step in range(10)))

    before = set(psutil.Process().children(recursive=True))
    asyncio.run(at_many_moments())
    assert set(psutil.Process().children(recursive=True)) <= before
    assert list(scratch.iterdir()) == []
