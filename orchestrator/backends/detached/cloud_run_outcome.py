"""The outcome of an execution of a Cloud Run job that recorded none itself."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from helios.contract.error_record import ErrorRecord
from helios.errors import Cancelled, JobFailed
from helios.records.job_outcome import JobOutcome, read_outcome
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.execution_record import ExecutionRecord

if TYPE_CHECKING:
    from google.cloud import run_v2


async def outcome_of(folder: ArtifactStorage, record: ExecutionRecord) -> JobOutcome | None:
    """Return the recorded outcome of an execution; None without one, or if it is another run's."""
    outcome = await read_outcome(folder)
    return outcome if outcome and outcome.execution == record.execution else None


def outcome_by_conditions(
    job_id: str, record: ExecutionRecord, found: "run_v2.Execution"
) -> JobOutcome:
    """Return the outcome of an execution that ended and whose tasks recorded none."""
    reasons = {condition.execution_reason.name for condition in found.conditions}
    if found.cancelled_count or "CANCELLED" in reasons:
        error = ErrorRecord(code=Cancelled.code, message="the execution was cancelled")
        return _outcome(job_id, record, "cancelled", error, ended_at=found.completion_time)
    messages = [condition.message for condition in found.conditions if condition.message]
    error = ErrorRecord(
        code=JobFailed.code,
        message="; ".join(dict.fromkeys(messages)) or "its tasks ended without a video",
        retryable=True,
        hint=f"The tasks' log: {found.log_uri}" if found.log_uri else None,
    )
    return _outcome(job_id, record, "failed", error, ended_at=found.completion_time)


def cancelled_now(job_id: str, record: ExecutionRecord, reason: str) -> JobOutcome:
    """Return the outcome of an execution that a client has just cancelled."""
    error = ErrorRecord(code=Cancelled.code, message=f"the render was cancelled: {reason}")
    return _outcome(job_id, record, "cancelled", error, ended_at=datetime.now(UTC))


def _outcome(
    job_id: str,
    record: ExecutionRecord,
    status: Literal["cancelled", "failed"],
    error: ErrorRecord,
    *,
    ended_at: datetime,
) -> JobOutcome:
    return JobOutcome(
        job_id=job_id,
        status=status,
        execution=record.execution,
        started_at=record.started_at,
        ended_at=ended_at,
        error=error,
    )
