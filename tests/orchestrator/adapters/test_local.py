import asyncio
from pathlib import Path

from helios.contract.worker_job import WorkerJob
from orchestrator.adapters import LocalWorkerAdapter


def test_a_job_runs_as_a_process_of_this_machine(tmp_path: Path) -> None:
    adapter = LocalWorkerAdapter(allowed={"sh"})
    lines: list[tuple[str, str]] = []
    job = WorkerJob(command="sh", args=["-c", "pwd; echo hint >&2; exit 4"], cwd=str(tmp_path))

    def note(stream: str, text: str) -> None:
        lines.append((stream, text))

    result = asyncio.run(adapter.execute(job, on_output=note))
    assert result.exit_code == 4
    assert sorted(lines) == [("stderr", "hint"), ("stdout", str(tmp_path))]


def test_the_standard_allow_list_holds_unless_told_otherwise() -> None:
    result = asyncio.run(LocalWorkerAdapter().execute(WorkerJob(command="sh")))
    assert result.failure is not None
    assert result.failure.code == "COMMAND_FORBIDDEN"


def test_a_jobs_time_limit_is_kept() -> None:
    adapter = LocalWorkerAdapter(allowed={"sleep"})
    result = asyncio.run(adapter.execute(WorkerJob(command="sleep", args=["60"], timeout=0.2)))
    assert result.failure is not None
    assert result.failure.code == "TIMEOUT"
