"""Starts each run of a render once, however many clients try."""

import asyncio
import itertools
import time
from typing import TYPE_CHECKING

from helios.errors import HeliosError, WorkerUnavailable
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.cloud_run_executions import (
    JobExecutions,
    RunStart,
    chunks_file_of,
)
from orchestrator.backends.detached.runs import (
    ExecutionRecord,
    read_execution,
    record_key,
)

if TYPE_CHECKING:
    from google.cloud import run_v2

#: Seconds after which a claim to start a render expires.
START_PATIENCE = 30.0


class RunStarter:
    """Starts an execution of a Cloud Run job for each run of a render.

    Cloud Run starts one for each request. The job's folder therefore names the run's execution,
    chosen by a write that only one client can make.

    Args:
        patience: Seconds until a client that began to start a run counts as gone.
        poll: Seconds between two looks for its record.
    """

    def __init__(self, executions: JobExecutions, *, patience: float, poll: float) -> None:
        self._executions = executions
        self._patience = patience
        self._poll = poll

    async def start(self, start: RunStart, folder: ArtifactStorage) -> None:
        """Start a run's execution unless that was done; it is started once."""
        for number in itertools.count():
            if await read_execution(folder, start.run) is not None:
                return
            claim = f"claims/{start.name}-{number}"
            if await folder.create(claim, b""):
                await self._begin(start, folder, claim)
                return
            if await self._awaited(start, folder) is not None or await self._adopted(start, folder):
                return

    async def _begin(self, start: RunStart, folder: ArtifactStorage, claim: str) -> None:
        """Start an execution, as the only one who does at this time."""
        try:
            found = await self._executions.run(start)
        except WorkerUnavailable as fault:
            # Cloud Run may have accepted it before the connection broke.
            if fault.retryable and await self._adopted(start, folder):
                return
            if not fault.retryable:
                await folder.delete(claim)
            raise
        except HeliosError:
            # Refused, so that the next one who starts it needn't wait for us.
            await folder.delete(claim)
            raise
        await self._settle(start, folder, found)

    async def _settle(
        self, start: RunStart, folder: ArtifactStorage, found: "run_v2.Execution"
    ) -> None:
        """Record that an execution renders the job, or stop it if another one does."""
        record = self._executions.record_of(found)
        if await folder.create(record_key(start.run), record.to_bytes()):
            return
        other = await read_execution(folder, start.run)
        if other is not None and other.execution != record.execution:
            await self._executions.cancel(record.full_name)

    async def _awaited(self, start: RunStart, folder: ArtifactStorage) -> ExecutionRecord | None:
        """Wait for the record of who is starting the render; None if it doesn't come."""
        give_up = time.monotonic() + self._patience
        while time.monotonic() < give_up:
            record = await read_execution(folder, start.run)
            if record is not None:
                return record
            await asyncio.sleep(self._poll)
        return None

    async def _adopted(self, start: RunStart, folder: ArtifactStorage) -> bool:
        """Record the execution of a client that was gone before it could; False without one."""
        for found in await self._executions.all():
            ours = self._executions.render_of(found), chunks_file_of(found)
            if ours == (start.job_id, start.chunks_file) and not found.cancelled_count:
                await self._settle(start, folder, found)
                return True
        return False
