import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.media.probe import probe
from helios.process.render_executor import RenderExecutor
from orchestrator.adapters import LocalWorkerAdapter
from orchestrator.adapters.local import LocalMergeAdapter, is_plain_merge


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


@pytest.mark.parametrize(
    "args",
    [
        ["merge", "v.mp4"],
        ["merge", "v.mp4", "a.mp4", "--audio-from", "page.html"],
        ["merge", "v.mp4", "a.mp4", "--quality", "20"],
        ["render", "page.html", "a.mp4"],
    ],
)
def test_only_a_merge_without_flags_is_plain(args: list[str]) -> None:
    assert not is_plain_merge(WorkerJob(command="helios", args=args))
    plain = WorkerJob(command="helios", args=["merge", "v.mp4", "a.mp4"])
    assert is_plain_merge(plain)
    assert not is_plain_merge(replace(plain, command="./helios"))
    assert not is_plain_merge(replace(plain, timeout=3))


@pytest.mark.slow
@pytest.mark.parametrize("here", [True, False], ids=["in this process", "as a process"])
def test_a_plain_merge_is_the_same_in_this_process_and_as_another(
    tmp_path: Path, here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.mp4", "b.mp4"):
        source = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=1")
        command = ("ffmpeg", "-loglevel", "error", *source, "-c:v", "libx264", tmp_path / name)
        subprocess.run(command, check=True)
    started: list[str] = []
    run = RenderExecutor.run

    async def noting(executor: RenderExecutor, job: WorkerJob, **options: Any) -> WorkerResult:
        started.append(job.command)
        return await run(executor, job, **options)

    monkeypatch.setattr(RenderExecutor, "run", noting)
    monkeypatch.setattr(LocalWorkerAdapter, "execute", noting)
    adapter = LocalMergeAdapter() if here else LocalWorkerAdapter()
    args = ["merge", "v.mp4", "a.mp4", "b.mp4"]
    job = WorkerJob(command="helios", args=args, cwd=str(tmp_path))
    assert asyncio.run(adapter.execute(job)).failure is None
    assert started == ([] if here else ["helios"])
    assert asyncio.run(probe(tmp_path / "v.mp4")).video.frames == 50  # type: ignore[union-attr]
    (tmp_path / "b.mp4").unlink()
    failure = asyncio.run(adapter.execute(job)).failure
    assert failure is not None
    assert failure.code == "CHUNK_OUTPUT_INVALID"
    assert "b.mp4" in failure.message
