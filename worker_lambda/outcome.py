"""The Lambda function that records the outcome of a render in `status.json`.

It is invoked by the workflow's last step, and by Step Functions' event after the end of the
execution. For the event, which follows any kind of end, it also sends the render's webhook.
"""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from helios.contract.error_record import ErrorRecord
from helios.errors import OptionInvalid
from helios.network.network_policy import NetworkPolicy
from helios.records.job_outcome import FailedChunk, JobOutcome, write_outcome
from helios.storage import ArtifactStorage, open_storage
from helios.webhooks.delivery import WebhookSender
from helios.webhooks.outcome import tell_outcome, webhook_secret
from helios.worker.worker_config import WorkerConfig
from helios.worker.worker_log import WorkerLog
from worker_lambda.execution_end import MAP_FAILED, ExecutionEnd, error_record

#: Limit of tries to send an event per invocation; Lambda repeats an event's invocation twice.
ATTEMPTS = 3
#: Failed chunks that an outcome lists.
MAX_FAILED_CHUNKS = 20
#: Largest record of a failure in bytes.
_MAX_FAILURE_BYTES = 256 * 1024
_FAILURES = "failures/"
_STATUS = {
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "ABORTED": "cancelled",
}


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Record the end of an execution; return the outcome as JSON, empty for one without a job."""
    artifacts = os.environ.get("HELIOS_ARTIFACTS", "").rstrip("/")
    if not artifacts:
        raise OptionInvalid("HELIOS_ARTIFACTS is not set")
    end = ExecutionEnd.parse(event)
    opens = WorkerConfig.from_env(os.environ).allow_private_network
    network = NetworkPolicy(allow_private=opens, allow_loopback=opens)
    outcome = asyncio.run(record(end, artifacts=artifacts, network=network))
    return {} if outcome is None else outcome.body()


async def record(
    end: ExecutionEnd,
    *,
    artifacts: str,
    network: NetworkPolicy,
    opener: Callable[[str], ArtifactStorage] = open_storage,
    log: WorkerLog | None = None,
) -> JobOutcome | None:
    """Record the outcome of a job; repeatable.

    Args:
        artifacts: URL of the storage that holds `jobs/<id>`.
        network: Addresses that webhook receivers may have.
        opener: Opens a storage by URL.
        log: Log of events; stdout by default.

    Returns:
        The recorded outcome; None for an execution without a job.

    Raises:
        HeliosError: The outcome can't be recorded, or the webhook can't be sent; the call can be
            repeated.
    """
    log = (log or WorkerLog()).bind(execution=end.execution_arn, job=end.job_id)
    if end.job_id is None or "/" in end.job_id:
        log.warning("outcome.of_no_job", status=end.status)
        return None
    storage = opener(f"{artifacts}/jobs/{end.job_id}")
    try:
        outcome = await write_outcome(storage, await _outcome(end, end.job_id, storage))
        log.info("outcome.recorded", status=outcome.status)
        if end.webhook and end.is_over and _is_untold(outcome, end):
            sender = WebhookSender(
                await _secret(artifacts, opener), attempts=ATTEMPTS, network=network
            )
            outcome = await tell_outcome(
                outcome,
                webhook=end.webhook,
                folder=storage,
                sender=sender,
                link=end.webhook_link,
            )
            log.info("outcome.told", webhook=end.webhook)
    finally:
        await storage.close()
    return outcome


def _is_untold(outcome: JobOutcome, end: ExecutionEnd) -> bool:
    return outcome.execution == end.execution_arn and outcome.told_at is None


async def _secret(artifacts: str, opener: Callable[[str], ArtifactStorage]) -> str:
    bucket = opener(artifacts)
    try:
        return await webhook_secret(bucket)
    finally:
        await bucket.close()


async def _outcome(end: ExecutionEnd, job_id: str, storage: ArtifactStorage) -> JobOutcome:
    failed = [] if end.status == "SUCCEEDED" else await _failed_chunks(storage, end.start_date)
    return JobOutcome.model_validate(
        {
            "job_id": job_id,
            "status": _STATUS[end.status],
            "execution": end.execution_arn,
            "started_at": end.start_date,
            "ended_at": end.stop_date or datetime.now(UTC),
            "output": end.artifact,
            "error": _error(end, failed),
            "failed_chunks": failed,
        }
    )


def _error(end: ExecutionEnd, failed: list[FailedChunk]) -> ErrorRecord | None:
    error = end.failure
    if error is None or not failed or end.error not in MAP_FAILED:
        return error
    first = failed[0]
    return first.error.model_copy(
        update={"message": f"chunk {first.chunk_id}: {first.error.message}"}
    )


async def _failed_chunks(storage: ArtifactStorage, since: datetime) -> list[FailedChunk]:
    """Return the chunks that failed in this execution, ordered by time."""
    since = since.replace(microsecond=0)  # S3 counts whole seconds
    found = [file for file in await storage.list(_FAILURES) if file.modified >= since]
    found.sort(key=lambda file: file.modified)
    chunks = [await _failed_chunk(storage, file.key) for file in found[:MAX_FAILED_CHUNKS]]
    return [chunk for chunk in chunks if chunk is not None]


async def _failed_chunk(storage: ArtifactStorage, key: str) -> FailedChunk | None:
    try:
        failure = json.loads(await storage.get_bytes(key, limit=_MAX_FAILURE_BYTES))
        return FailedChunk(
            chunk_id=failure["chunkId"],
            error=error_record(failure.get("error"), failure.get("cause")),
        )
    except (ValueError, KeyError, TypeError):
        return None
