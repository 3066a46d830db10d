"""Worker jobs: a spec's commands made ready for an adapter, and handed over to it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helios.contract.command import parse_command
from helios.contract.job_spec import RenderChunk
from helios.contract.worker_job import ErrorRecord, WorkerJob, WorkerResult
from helios.errors import CommandTimedOut, HeliosError, JobStopped
from helios.process.output_capture import OutputCallback
from helios.records.boundary_frames import BOUNDARY_VARIABLE, boundary_beside
from orchestrator.adapters.base import WorkerAdapter

#: Seconds beyond a job's time limit after which an adapter that doesn't keep it is cancelled.
TIMEOUT_SLACK = 30.0


@dataclass(frozen=True, slots=True)
class WorkerJobs:
    """Makes worker jobs of a spec's commands.

    Attributes
    ----------
    notes_boundaries:
        Whether chunks are to leave their boundary frames beside their outputs.
    """

    job_dir: Path
    job_path: str
    timeout: float | None
    notes_boundaries: bool = False

    def chunk(self, chunk: RenderChunk, attempt: int) -> WorkerJob:
        command, *args = parse_command(chunk.command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            env=self._env(chunk),
            meta={
                "action": "chunk",
                "chunkId": chunk.id,
                "attempt": attempt,
                "jobPath": self.job_path,
                "outputFile": chunk.output_file,
            },
            timeout=self.timeout,
        )

    def _env(self, chunk: RenderChunk) -> Mapping[str, str] | None:
        if not self.notes_boundaries:
            return None
        return {BOUNDARY_VARIABLE: boundary_beside(chunk.output_file)}

    def merge(self, merge_command: str, attempt: int) -> WorkerJob:
        command, *args = parse_command(merge_command)
        return WorkerJob(
            command=command,
            args=args,
            cwd=str(self.job_dir),
            meta={"action": "merge", "attempt": attempt, "jobPath": self.job_path},
        )


async def hand_over(
    adapter: WorkerAdapter, job: WorkerJob, *, on_output: OutputCallback | None
) -> WorkerResult:
    """Run a job through an adapter; whatever goes wrong becomes its result.

    Raises
    ------
    JobStopped
        The reason concerns the whole job.
    """
    try:
        if job.timeout is None or adapter.queues:
            return await adapter.execute(job, on_output=on_output)
        async with asyncio.timeout(job.timeout + TIMEOUT_SLACK):
            return await adapter.execute(job, on_output=on_output)
    except TimeoutError:
        error: HeliosError = CommandTimedOut(f"{job.command}: no answer after its time was up")
    except JobStopped:
        raise
    except HeliosError as fault:
        error = fault
    return WorkerResult(exit_code=error.exit_code, error=ErrorRecord.of(error))
