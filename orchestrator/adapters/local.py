"""Chunks as processes of this machine, and plain merges inside this one."""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import DEFAULT_EXECUTABLES, RenderExecutor
from helios.stitcher.ffmpeg import FfmpegStitcher
from orchestrator.adapters.base import WorkerAdapter

#: Executables that commands may start on this machine: its user chose the job spec.
LOCAL_EXECUTABLES = DEFAULT_EXECUTABLES | {"ffmpeg", "ffprobe", "node"}


class LocalWorkerAdapter(RenderExecutor, WorkerAdapter):
    """Runs jobs as local processes.

    Args:
        allowed: Executables that may run; by default `LOCAL_EXECUTABLES`.
        options: Others of `RenderExecutor`.
    """

    def __init__(
        self, *, allowed: Collection[str] | None = LOCAL_EXECUTABLES, **options: Any
    ) -> None:
        super().__init__(allowed=allowed, **options)

    execute = RenderExecutor.run


class LocalMergeAdapter(WorkerAdapter):
    """Joins files in this process where a merge does nothing else, which saves starting another."""

    def __init__(self) -> None:
        self._workers = LocalWorkerAdapter()

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job on this machine."""
        if is_plain_merge(job):
            return await _join(job)
        return await self._workers.execute(job, on_output=on_output)


def is_plain_merge(job: WorkerJob) -> bool:
    """Tell whether a job is `helios merge OUTPUT INPUT...`, without a flag or a time limit."""
    plain = not any(word.startswith("-") for word in job.args)
    is_merge = job.command == "helios" and job.args[:1] == ["merge"] and len(job.args) > 2
    return is_merge and plain and job.timeout is None


async def _join(job: WorkerJob) -> WorkerResult:
    started = time.perf_counter()
    output, *inputs = (Path(job.cwd or ".", word) for word in job.args[1:])
    try:
        await FfmpegStitcher().stitch(inputs, output)
    except HeliosError as error:
        return WorkerResult.of_error(error)
    return WorkerResult(exit_code=0, duration_ms=(time.perf_counter() - started) * 1000)
