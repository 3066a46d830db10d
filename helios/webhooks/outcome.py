"""Sends the webhook of a detached render at its end.

Neither job specs nor the requests that start them contain secrets. On AWS, webhooks are signed with
a key in the storage of artifacts, so that readers of the storage can verify them; on Google Cloud,
with a secret of Secret Manager, which the webhook service reads.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from helios.contract.job_spec import JobSpec
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import ArtifactNotFound, JobSpecInvalid
from helios.records.job_layout import chunks_in
from helios.records.job_outcome import OUTCOME, JobOutcome
from helios.storage import ArtifactStorage
from helios.webhooks.delivery import WebhookSender
from helios.webhooks.events import EVENT_TYPES, WEBHOOK_KEY, WebhookEvent
from helios.webhooks.video_link import with_link

#: Folder of a job in storage with a marker for each execution whose event was delivered.
TOLD = "told/"

_SECRET_BYTES, _MAX_SECRET_BYTES = 32, 1024


async def webhook_secret(artifacts: ArtifactStorage) -> str:
    """Return the signing secret of webhooks in the storage of all jobs; create a missing one."""
    made = secrets.token_hex(_SECRET_BYTES).encode()
    if await artifacts.create(WEBHOOK_KEY, made):
        return made.decode()
    return (await artifacts.get_bytes(WEBHOOK_KEY, limit=_MAX_SECRET_BYTES)).decode()


async def tell_outcome(
    outcome: JobOutcome,
    *,
    webhook: str,
    folder: ArtifactStorage,
    sender: WebhookSender,
    link: float | None = None,
) -> JobOutcome:
    """Send the outcome of a render, and record the delivery in it; return the recorded outcome.

    Parameters and errors are those of `send_outcome`.
    """
    await send_outcome(outcome, webhook=webhook, folder=folder, sender=sender, link=link)
    told = outcome.model_copy(update={"told_at": datetime.now(UTC)})
    await folder.put_bytes(OUTCOME, told.to_bytes())
    return told


async def send_outcome(
    outcome: JobOutcome,
    *,
    webhook: str,
    folder: ArtifactStorage,
    sender: WebhookSender,
    link: float | None = None,
    attempts: int | None = None,
) -> None:
    """Send the outcome of a render.

    With `link`, the event has a link to the video that is valid for so many seconds. `attempts` and
    errors are those of `WebhookSender.send`.
    """
    event = await with_link(await _outcome_event(outcome, folder), link)
    await sender.send(webhook, event, attempts=attempts)


async def tell_once(
    outcome: JobOutcome, *, folder: ArtifactStorage, send: Callable[[], Awaitable[None]]
) -> None:
    """Send the outcome of a render by `send` unless it was delivered already.

    A marker beside the outcome records the delivery. It is created after the delivery, so that
    another process sends the event again if this one ends in between. Errors are those of `send`.
    """
    marker = f"{TOLD}{outcome.execution}"
    if await folder.stat(marker) is None:
        await send()
        await folder.create(marker, datetime.now(UTC).isoformat().encode())


async def _outcome_event(outcome: JobOutcome, folder: ArtifactStorage) -> WebhookEvent:
    """Return the event of an outcome, with an id derived from the execution.

    Its counts include all chunks in storage, which another start of a failed render reuses.
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
    """Return the job spec; None if it is missing or invalid."""
    try:
        data = await folder.get_bytes("job.json", limit=MAX_SPEC_BYTES)
        return JobSpec.parse(data, source=folder.url_of("job.json"))
    except (ArtifactNotFound, JobSpecInvalid):
        return None
