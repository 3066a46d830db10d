"""Adds a presigned link to the video to webhook events."""

from datetime import UTC, datetime, timedelta

from helios.errors import HeliosError
from helios.storage import open_storage, split_url
from helios.webhooks.events import WebhookEvent


async def with_link(event: WebhookEvent, seconds: float | None) -> WebhookEvent:
    """Return an event with a link to its video, if that is in storage.

    The outcome matters more than the link: if the credentials can't sign one, the event says why.

    Args:
        seconds: Validity of the link; None for no link.
    """
    if seconds is None or event.output is None or "://" not in event.output:
        return event
    try:
        base, key = split_url(event.output)
        storage = open_storage(base)
        try:
            link = await storage.presigned_url(key, expires=seconds)
        finally:
            await storage.close()
    except HeliosError as fault:
        return event.model_copy(update={"link_error": fault.message})
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return event.model_copy(update={"link": link, "link_expires_at": expires_at})
