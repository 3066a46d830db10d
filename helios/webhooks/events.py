"""Webhook events: their content, signing, and verification by receivers.

A receiver needs only this module:

```python
event = verify(request.headers, request.body, secret=os.environ["HELIOS_WEBHOOK_SECRET"])
```
"""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.errors import SignatureInvalid

#: Environment variable with the secret shared by sender and receiver.
SECRET = "HELIOS_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
#: Storage key of the signing secret for detached renders.
WEBHOOK_KEY = "webhook-key"
#: Header with the time of sending in Unix seconds, and the signature.
SIGNATURE = "Helios-Signature"
#: Header with the event's id, which is the same for each delivery.
EVENT_ID = "Helios-Event-Id"
#: Tolerance of the time of sending in seconds, against replay of recorded requests.
TOLERANCE = 300.0
#: Least length of a secret in bytes.
MIN_SECRET = 16

EventType = Literal["job.completed", "job.failed", "job.cancelled", "job.paused", "job.progress"]
#: Types of the events for a job's states.
EVENT_TYPES: Mapping[str, EventType] = {
    "completed": "job.completed",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "paused": "job.paused",
}

_Count = Annotated[int, Field(ge=0)]
_STAMP = re.compile(r"t=(?P<time>\d{1,12}),sha512=(?P<digest>[0-9a-f]{128})")


class WebhookEvent(WireModel):
    """A change of a job."""

    id: str = Field(description="Id of the event; repeated deliveries have the same id.")
    type: EventType = Field(description="The kind of change.")
    at: AwareDatetime = Field(description="Time of the change.")
    job_id: str = Field(description="The job.")
    name: str = Field(default="", description="Display name of the job.")
    chunks_done: _Count = 0
    chunks_total: _Count = 0
    frames_done: _Count = 0
    frames_total: _Count = 0
    output: str | None = Field(default=None, description="Path or URL of the video.")
    link: str | None = Field(default=None, description="Presigned URL of the video, if asked for.")
    link_expires_at: AwareDatetime | None = Field(
        default=None, description="Time after which the link isn't valid."
    )
    link_error: str | None = Field(default=None, description="Why there is no link.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed or paused.")

    def body(self) -> bytes:
        """Return the request body."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


def new_event_id() -> str:
    """Return a unique event id."""
    return f"evt_{secrets.token_hex(12)}"


def signed_headers(event_id: str, body: bytes, *, secret: str, now: float) -> dict[str, str]:
    """Return the headers of a request with an event.

    Args:
        secret: Secret shared by sender and receiver.
        now: Time of sending in Unix seconds.
    """
    stamp = int(now)
    return {
        "Content-Type": "application/json",
        EVENT_ID: event_id,
        SIGNATURE: f"t={stamp},sha512={_digest(secret, stamp, body)}",
    }


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: str,
    tolerance: float = TOLERANCE,
    now: Callable[[], float] = time.time,
) -> WebhookEvent:
    """Verify a request's signature and age, and return its event.

    Args:
        headers: Headers of the request; names in any case.
        body: Unmodified body of the request.
        secret: Secret shared by sender and receiver.
        tolerance: Tolerance of the time of sending in seconds.
        now: Returns the time in Unix seconds.

    Raises:
        SignatureInvalid: The signature is missing, wrong or too old, or the body isn't an event.
    """
    given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE.lower(), "")
    stamp = _STAMP.fullmatch(given.strip())
    if stamp is None:
        raise SignatureInvalid(f"{SIGNATURE}: missing, or not of the form t=...,sha512=...")
    sent = int(stamp["time"])
    if not hmac.compare_digest(_digest(secret, sent, body), stamp["digest"]):
        raise SignatureInvalid(
            f"{SIGNATURE}: doesn't fit the body",
            hint=f"Check {SECRET} on both sides, and that the body is unmodified.",
        )
    if abs(now() - sent) > tolerance:
        raise SignatureInvalid(f"{SIGNATURE}: sent {now() - sent:.0f} s ago, or clocks differ")
    try:
        return WebhookEvent.model_validate_json(body)
    except ValidationError as fault:
        raise SignatureInvalid(f"body: not an event: {fault.errors()[0]['msg']}") from None


def _digest(secret: str, stamp: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha512).hexdigest()
