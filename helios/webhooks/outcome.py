"""Sends the webhook of a detached render at its end.

Nothing that is secret is part of a job or of what starts it. On AWS, what tells signs with a key in
the artifacts' storage, so that readers of that storage can verify it; on Google Cloud, with
what the Cloud Run job's environment holds.
"""

import hashlib
import secrets
from datetime import UTC, datetime

from helios.contract.job_spec import MAX_SPEC_BYTES, JobSpec
from helios.errors import ArtifactNotFound, JobSpecInvalid
from helios.records.job_layout import chunks_in
from helios.records.job_outcome import OUTCOME, JobOutcome
from helios.storage import ArtifactStorage
from helios.webhooks.delivery import WebhookSender
from helios.webhooks.events import EVENT_TYPES, WEBHOOK_KEY, WebhookEvent

#: Folder of a job in storage that says of which executions the receiver has taken the end.
TOLD = "told/"

_SECRET_BYTES, _MAX_SECRET_BYTES = 32, 1024


async def webhook_secret(artifacts: ArtifactStorage) -> str:
    """Return what webhooks are signed with, and make it if it isn't there.

    Parameters
    ----------
    artifacts:
        The storage that jobs are in; not the folder of one.
    """
    made = secrets.token_hex(_SECRET_BYTES).encode()
    if await artifacts.create(WEBHOOK_KEY, made):
        return made.decode()
    return (await artifacts.get_bytes(WEBHOOK_KEY, limit=_MAX_SECRET_BYTES)).decode()


async def tell_outcome(
    outcome: JobOutcome, *, webhook: str, folder: ArtifactStorage, sender: WebhookSender
) -> JobOutcome:
    """Send how a render ended, and note in its outcome that the receiver took it.

    Parameters
    ----------
    webhook:
        URL of the receiver.
    folder:
        The job's folder.

    Returns
    -------
    JobOutcome
        What is recorded now.

    Raises
    ------
    WebhookUndelivered, SourceForbidden
        As `WebhookSender.send`.
    """
    await sender.send(webhook, await outcome_event(outcome, folder))
    told = outcome.model_copy(update={"told_at": datetime.now(UTC)})
    await folder.put_bytes(OUTCOME, told.to_bytes())
    return told


async def tell_once(
    outcome: JobOutcome,
    *,
    webhook: str,
    folder: ArtifactStorage,
    sender: WebhookSender,
    attempts: int | None = None,
) -> None:
    """Send how a render ended unless its receiver has taken it, which is noted beside the outcome.

    The note is an object that is written once, so that many may tell and the outcome stays as it
    is. It is written after the receiver took the event: who dies in between leaves that to others.

    Raises
    ------
    WebhookUndelivered, SourceForbidden
        As `WebhookSender.send`.
    """
    note = f"{TOLD}{outcome.execution}"
    if await folder.stat(note) is None:
        await sender.send(webhook, await outcome_event(outcome, folder), attempts=attempts)
        await folder.create(note, datetime.now(UTC).isoformat().encode())


async def outcome_event(outcome: JobOutcome, folder: ArtifactStorage) -> WebhookEvent:
    """Return the event of an outcome, under an id that depends on the execution alone.

    Its counts are of the chunks that are in storage: of a render that failed, what another start
    needn't render again.
    """
    spec = await _spec(folder)
    done = frozenset() if spec is None else await chunks_in(folder, spec)
    chunks = () if spec is None else spec.chunks
    digest = hashlib.sha256(outcome.execution.encode()).hexdigest()
    return WebhookEvent(
        id=f"evt_{digest[:24]}",
        type=EVENT_TYPES[outcome.status],
        at=outcome.ended_at,
        job_id=outcome.job_id,
        chunks_done=len(done),
        chunks_total=len(chunks),
        frames_done=sum(chunk.frame_count for chunk in chunks if chunk.id in done),
        frames_total=sum(chunk.frame_count for chunk in chunks),
        output=outcome.output.url if outcome.output else None,
        error=outcome.error,
    )


async def _spec(folder: ArtifactStorage) -> JobSpec | None:
    """Return the job; None where that is why it failed."""
    try:
        data = await folder.get_bytes("job.json", limit=MAX_SPEC_BYTES)
        return JobSpec.parse(data, source=folder.url_of("job.json"))
    except (ArtifactNotFound, JobSpecInvalid):
        return None
