"""Sends the events of jobs to the receivers of webhooks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from helios.errors import HeliosError, WebhookUndelivered
from helios.webhooks.events import SECRET
from helios.webhooks.video_link import with_link
from orchestrator.job_repository.base import JobRepository
from orchestrator.lifecycle.subscriptions import ChunksReused, JobEvent
from orchestrator.model.events import ChunkFinished, FrameProgress
from orchestrator.model.job import JobSummary

if TYPE_CHECKING:
    from helios.webhooks.delivery import WebhookSender


class Webhooks:
    """Sends the events of jobs to the receivers that their settings name.

    Without a secret there is no sender: each event is reported as undelivered.
    """

    def __init__(
        self,
        sender: "WebhookSender | None",
        *,
        on_fault: Callable[[WebhookUndelivered], None] | None = None,
    ) -> None:
        self.sender = sender
        self._on_fault = on_fault or (lambda _: None)

    @classmethod
    def of(
        cls, secret: str | None, *, on_fault: Callable[[WebhookUndelivered], None] | None = None
    ) -> "Webhooks":
        """Return a sender that signs with a secret, or that only reports that there is none."""
        if not secret:
            return cls(None, on_fault=on_fault)
        # Loads an HTTP client, which few commands need.
        from helios.webhooks.delivery import WebhookSender  # noqa: PLC0415

        return cls(WebhookSender(secret), on_fault=on_fault)

    async def deliver(self, job: JobSummary) -> set[str]:
        """Send what is undelivered of a job, in order, and return the ids of what was taken."""
        webhook = job.settings.webhook
        delivered: set[str] = set()
        for event in job.undelivered if webhook is not None else ():
            try:
                if self.sender is None:
                    raise WebhookUndelivered(
                        f"webhook: {event.type} of job {job.id} can't be signed",
                        hint=f"Set {SECRET}, then `orchestrator notify {job.id}`.",
                    )
                assert webhook is not None  # noqa: S101 - or there would be no event
                await self.sender.send(webhook.url, await with_link(event, webhook.link))
            except WebhookUndelivered as fault:
                self._on_fault(fault)
                break
            delivered.add(event.id)
        return delivered

    async def deliver_pending(self, repository: JobRepository, job_id: str) -> bool:
        """Send what is undelivered of a stored job, and record what was taken; True if all was."""
        job = await repository.summary(job_id)
        delivered = await self.deliver(job)
        if delivered:
            # If another process has the job by now, the events may be sent once more.
            with contextlib.suppress(HeliosError):
                async with repository.claim(job_id) as claim:
                    now = (await claim.load()).summary()
                    left = [event for event in now.undelivered if event.id not in delivered]
                    await claim.save(now.model_copy(update={"undelivered": left}))
        return len(delivered) == len(job.undelivered)


@contextlib.asynccontextmanager
async def follow_progress(
    webhooks: Webhooks | None, job: JobSummary
) -> AsyncIterator[Callable[[JobEvent], None]]:
    """Yield a listener to the events of a run, which sends progress to the receiver if configured.

    An event of progress is sent once, without retries: the next one replaces it.
    """
    webhook = job.settings.webhook
    if webhooks is None or webhooks.sender is None or webhook is None or webhook.progress is None:
        yield lambda _: None
        return
    teller = _ProgressTeller(webhooks.sender, job, url=webhook.url, interval=webhook.progress)
    try:
        yield teller.on_event
    finally:
        await teller.stop()


class _ProgressTeller:
    def __init__(
        self, sender: "WebhookSender", job: JobSummary, *, url: str, interval: float
    ) -> None:
        self._sender = sender
        self._job = job
        self._url = url
        self._interval = interval
        self._chunks_done = 0
        self._last = time.monotonic()
        self._sending: asyncio.Task[None] | None = None

    def on_event(self, event: JobEvent) -> None:
        match event:
            case ChunksReused():
                self._chunks_done = len(event.chunk_ids)
            case ChunkFinished():
                self._chunks_done += 1
            case FrameProgress():
                self._tell(event.frames_done)
            case _:
                pass

    async def stop(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _tell(self, frames_done: int) -> None:
        now = time.monotonic()
        busy = self._sending is not None and not self._sending.done()
        if busy or now - self._last < self._interval:
            return
        self._last = now
        counts = {"frames_done": frames_done, "chunks_done": self._chunks_done}
        job = self._job.model_copy(update=counts)
        event = job.webhook_event("job.progress", at=datetime.now(UTC))
        self._sending = asyncio.create_task(self._sender.send(self._url, event, attempts=1))
        # A failed delivery isn't reported.
        self._sending.add_done_callback(lambda task: task.cancelled() or task.exception())
