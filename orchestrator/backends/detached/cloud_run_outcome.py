"""The outcome of an execution of a Cloud Run job, recorded or not, and its webhook."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from helios.contract.error_record import ErrorRecord
from helios.errors import Cancelled, JobFailed, WebhookUndelivered
from helios.records.job_outcome import JobOutcome, read_outcome
from helios.storage import ArtifactStorage
from helios.webhooks.events import SECRET
from orchestrator.backends.detached.cloud_run_executions import WEBHOOK, WEBHOOK_LINK, variables_of
from orchestrator.backends.detached.runs import ExecutionRecord

if TYPE_CHECKING:
    from google.cloud import run_v2

    from helios.webhooks.delivery import WebhookSender


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


async def tell_webhook(
    outcome: JobOutcome,
    folder: ArtifactStorage,
    found: "run_v2.Execution",
    sender: "WebhookSender | None",
    *,
    attempts: int | None = None,
) -> None:
    """Send an outcome to the webhook that its execution was started with, if any."""
    # Loads an HTTP client, which few commands need.
    from helios.webhooks.outcome import send_outcome, tell_once  # noqa: PLC0415

    variables = variables_of(found)
    webhook = variables.get(WEBHOOK)
    if webhook is None:
        return
    if sender is None:
        raise WebhookUndelivered(
            f"render {outcome.job_id!r}: {outcome.status}, but its webhook isn't told yet",
            hint=f"Set {SECRET} to what the job signs with: `orchestrator status` tells it.",
        )
    link = float(variables.get(WEBHOOK_LINK) or 0) or None

    async def send() -> None:
        await send_outcome(
            outcome, webhook=webhook, folder=folder, sender=sender, link=link, attempts=attempts
        )

    await tell_once(outcome, folder=folder, send=send)


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
