"""The job of one row, and its result."""

import contextlib
from collections.abc import Callable

from helios.contract.error_record import ErrorRecord
from helios.errors import HeliosError
from orchestrator.api.batches.results import RowResult, RowState
from orchestrator.api.batches.row_plan import PlannedRow
from orchestrator.backends.base import Backend
from orchestrator.display.display import Display
from orchestrator.job_repository import MemoryJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.model.job import Job, JobSummary


class RowManager:
    """Runs the job of one row, whose record ends with it."""

    def __init__(self, display: Display, backend_of: Callable[[Job], Backend]) -> None:
        self.display = display
        self._repository = MemoryJobRepository()
        self.jobs = JobManager(self._repository, backend_of)

    async def latest(self) -> JobSummary | None:
        """Return the job as it is now; None if it was never begun."""
        with contextlib.suppress(HeliosError):
            listed = (await self._repository.list()).jobs
            return listed[0] if listed else None
        return None


def result_of(
    row: PlannedRow,
    state: RowState,
    *,
    seconds: float = 0.0,
    summary: JobSummary | None = None,
    error: HeliosError | None = None,
) -> RowResult:
    """Return the result of a row, with what its job took."""
    metrics = None if summary is None else summary.metrics
    return RowResult(
        row=row.number,
        line=row.line,
        state=state,
        output=row.output,
        frames=row.frames or 0,
        seconds=seconds,
        worker_seconds=0.0 if metrics is None else metrics.worker_ms / 1000,
        attempts=0 if metrics is None else metrics.attempts,
        error=None if error is None else ErrorRecord.of(error),
    )
