"""Worker jobs: a spec's commands made ready for an adapter, and the time that they may take."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from helios.contract.command import parse_command
from helios.contract.job_spec import RenderChunk
from helios.contract.worker_job import Task, WorkerJob
from helios.errors import CommandTimedOut
from helios.records.boundary_frames import BOUNDARY_VARIABLE, boundary_beside
from helios.records.chunk_trace import TRACE_VARIABLE, trace_beside
from orchestrator.adapters.base import WorkerAdapter

#: Seconds beyond a job's time limit after which an adapter that doesn't keep it is cancelled.
TIMEOUT_SLACK = 30.0


@dataclass(frozen=True, slots=True)
class WorkerJobs:
    """Makes worker jobs of a spec's commands."""

    job_dir: Path
    job_path: str
    timeout: float | None
    #: Whether chunks are to leave their boundary frames beside their outputs.
    notes_boundaries: bool = False

    def chunk(self, chunk: RenderChunk, attempt: int) -> WorkerJob:
        command, *args = parse_command(chunk.command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            env=self._env(chunk),
            task=Task(
                job_path=self.job_path,
                chunk_id=chunk.id,
                attempt=attempt,
                output_file=chunk.output_file,
            ),
            timeout=self.timeout,
        )

    def _env(self, chunk: RenderChunk) -> Mapping[str, str]:
        env = {TRACE_VARIABLE: trace_beside(chunk.output_file)}
        if self.notes_boundaries:
            env[BOUNDARY_VARIABLE] = boundary_beside(chunk.output_file)
        return env

    def merge(self, merge_command: str, attempt: int) -> WorkerJob:
        command, *args = parse_command(merge_command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            task=Task(job_path=self.job_path, attempt=attempt),
        )


def time_limit(adapter: WorkerAdapter, job: WorkerJob) -> AbstractAsyncContextManager[None]:
    """Return a context that ends what waits for a job whose adapter doesn't keep its time limit.

    The context raises `CommandTimedOut` then.
    """
    if job.timeout is None or adapter.queues:
        return contextlib.nullcontext()
    return _ending(job, after=job.timeout + TIMEOUT_SLACK)


@contextlib.asynccontextmanager
async def _ending(job: WorkerJob, *, after: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(after):
            yield
    except TimeoutError:
        raise CommandTimedOut(f"{job.command}: no answer after its time was up") from None
