"""Measures commands run by the executor, and the same commands run without it.

Run `python benchmarks/executor.py`; `--json` prints the figures as JSON.
"""

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helios.contract.job_spec import JobSpec
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.execution.job_executor import JobExecutor
from orchestrator.model.settings import RunSettings

#: Number of processes of a measurement, and of concurrent ones.
PROCESSES = 1_000
CONCURRENCY = 8
#: Number of chunks of the job without work.
CHUNKS = 10_000
PROGRAM = "/bin/true"

_COMMANDS = Path(sys.executable).parent


class NoopAdapter(WorkerAdapter):
    """Returns immediately, so that only the executor is measured."""

    async def execute(
        self,
        job: WorkerJob,  # noqa: ARG002
        *,
        on_output: OutputCallback | None = None,  # noqa: ARG002
    ) -> WorkerResult:
        """Return success."""
        return WorkerResult(exit_code=0)


def run(*, runs: int = 5) -> list[dict[str, Any]]:
    """Measure and return a row for each way to run, with medians in seconds.

    Args:
        runs: Number of measurements; compared ones alternate, so that other load affects both.
    """
    bare, ours = [], []
    for _ in range(runs):
        bare.append(_timed(_bare()))
        ours.append(_timed(_through_executor()))
    noop = [_noop_in_a_process_of_its_own() for _ in range(runs)]
    return [
        _row(f"{PROCESSES:,} x {PROGRAM}, bare asyncio", bare),
        _row(
            f"{PROCESSES:,} x {PROGRAM}, JobExecutor",
            ours,
            ratio=statistics.median(mine / other for mine, other in zip(ours, bare, strict=True)),
        ),
        _row(
            f"{CHUNKS:,} chunks that do nothing",
            [facts["seconds"] for facts in noop],
            peak=max(facts["peak_mb"] for facts in noop),
        ),
        *(
            _row(f"{command} --help", [_help(command) for _ in range(2 * runs)])
            for command in ("helios", "orchestrator")
        ),
    ]


def a_spec(chunks: int, *, command: str) -> JobSpec:
    """Return a job of one frame a chunk, without merge."""
    facts = {"totalFrames": chunks, "fps": 30, "width": 2, "height": 2, "duration": chunks / 30}
    parts = [
        {"id": n, "startFrame": n, "frameCount": 1, "outputFile": f"{n}.mp4", "command": command}
        for n in range(chunks)
    ]
    return JobSpec.parse(json.dumps({"metadata": facts, "chunks": parts, "mergeCommand": ""}))


def noop() -> dict[str, float]:
    """Return the seconds that a job without work takes, and this process's peak memory in MB."""
    spec = a_spec(CHUNKS, command="helios render")
    started = time.perf_counter()
    job = JobExecutor(NoopAdapter()).execute(
        spec, RunSettings(concurrency=CONCURRENCY), job_dir=Path()
    )
    done = asyncio.run(job)
    seconds = time.perf_counter() - started
    if len(done.chunks) != CHUNKS:
        raise SystemExit(f"{len(done.chunks)} chunks ran, not {CHUNKS}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kilobytes, macOS bytes.
    return {
        "seconds": seconds,
        "peak_mb": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    }


async def _bare() -> None:
    async def taker(queue: Iterator[int]) -> None:
        for _ in queue:
            process = await asyncio.create_subprocess_exec(
                PROGRAM,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            await process.communicate()

    queue = iter(range(PROCESSES))
    await asyncio.gather(*(taker(queue) for _ in range(CONCURRENCY)))


async def _through_executor() -> None:
    spec = a_spec(PROCESSES, command=PROGRAM)
    adapter = LocalWorkerAdapter(allowed={PROGRAM})
    with tempfile.TemporaryDirectory(prefix="bench-executor-") as folder:
        await JobExecutor(adapter).execute(
            spec, RunSettings(concurrency=CONCURRENCY), job_dir=Path(folder)
        )


def _timed(work: Any) -> float:
    started = time.perf_counter()
    asyncio.run(work)
    return time.perf_counter() - started


def _noop_in_a_process_of_its_own() -> dict[str, float]:
    command = [sys.executable, __file__, "--noop"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    facts: dict[str, float] = json.loads(done.stdout)
    return facts


def _help(command: str) -> float:
    started = time.perf_counter()
    subprocess.run([_COMMANDS / command, "--help"], capture_output=True, check=True)
    return time.perf_counter() - started


def _row(
    what: str, seconds: list[float], *, ratio: float | None = None, peak: float | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "runs": len(seconds)}
    row["median_seconds"] = round(statistics.median(seconds), 4)
    if ratio is not None:
        row["ratio_to_bare"] = round(ratio, 2)
    if peak is not None:
        row["peak_mb"] = round(peak, 1)
    return row


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=5, help="measurements of each")
    parser.add_argument("--noop", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.noop:
        print(json.dumps(noop()))
        return
    rows = run(runs=options.runs)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        ratio = f"{row['ratio_to_bare']:.2f} x bare" if "ratio_to_bare" in row else ""
        peak = f"{row['peak_mb']:.0f} MB at its peak" if "peak_mb" in row else ""
        print(f"{row['what']:<40}{row['median_seconds']:>8.3f} s  {ratio}{peak}")


if __name__ == "__main__":
    main()
