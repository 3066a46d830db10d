"""Webhooks: the events of a job, their signature, and how receivers verify it.

A receiver needs this module alone:

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

#: Environment variable with the secret that both sides know.
SECRET = "HELIOS_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
#: Key, in the storage of artifacts, of what is signed with where renders go on without a client.
WEBHOOK_KEY = "webhook-key"
#: Header with the time of sending in seconds since 1970, and the signature.
SIGNATURE = "Helios-Signature"
#: Header with the event's id, which stays the same however often it is sent.
EVENT_ID = "Helios-Event-Id"
#: Seconds that the time of sending may be off: what was recorded can't be sent again later.
TOLERANCE = 300.0
#: Bytes of a secret at least; shorter ones can be guessed.
MIN_SECRET = 16

EventType = Literal["job.completed", "job.failed", "job.cancelled", "job.paused", "job.progress"]
#: A job's states that are told, and the type of their event.
EVENT_TYPES: Mapping[str, EventType] = {
    "completed": "job.completed",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "paused": "job.paused",
}

_Count = Annotated[int, Field(ge=0)]
_STAMP = re.compile(r"t=(?P<time>\d{1,12}),sha512=(?P<digest>[0-9a-f]{128})")


class WebhookEvent(WireModel):
    """What happened to a job."""

    id: str = Field(description="The event's own id: one that comes twice is the same event.")
    type: EventType = Field(description="What happened.")
    at: AwareDatetime = Field(description="When it happened.")
    job_id: str = Field(description="The job.")
    name: str = Field(default="", description="What people know the job by.")
    chunks_done: _Count = 0
    chunks_total: _Count = 0
    frames_done: _Count = 0
    frames_total: _Count = 0
    output: str | None = Field(default=None, description="Where the video is.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed or stands still.")

    def body(self) -> bytes:
        """Return the event as it is sent."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


def new_event_id() -> str:
    """Return an id that no other event has."""
    return f"evt_{secrets.token_hex(12)}"


def signed_headers(event_id: str, body: bytes, *, secret: str, now: float) -> dict[str, str]:
    """Return the headers of a request that tells an event.

    Parameters
    ----------
    secret:
        Known to sender and receiver.
    now:
        Time of sending in seconds since 1970.
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
    """Return the event that a request tells, if it comes from who knows the secret, and lately.

    Parameters
    ----------
    headers:
        Those of the request; names in any case.
    body:
        The request's body, byte by byte as it came.
    secret:
        Known to sender and receiver.
    tolerance:
        Seconds that the time of sending may be off.
    now:
        Returns the time in seconds since 1970.

    Raises
    ------
    SignatureInvalid
        The signature is missing, wrong or too old, or the body is no event.
    """
    given = {name.lower(): value for name, value in headers.items()}.get(SIGNATURE.lower(), "")
    stamp = _STAMP.fullmatch(given.strip())
    if stamp is None:
        raise SignatureInvalid(f"{SIGNATURE}: missing, or not of the form t=...,sha512=...")
    sent = int(stamp["time"])
    if not hmac.compare_digest(_digest(secret, sent, body), stamp["digest"]):
        raise SignatureInvalid(
            f"{SIGNATURE}: doesn't fit the body",
            hint=f"Check {SECRET} on both sides, and that the body is the one that came.",
        )
    if abs(now() - sent) > tolerance:
        raise SignatureInvalid(f"{SIGNATURE}: sent {now() - sent:.0f} s ago, or clocks differ")
    try:
        return WebhookEvent.model_validate_json(body)
    except ValidationError as fault:
        raise SignatureInvalid(f"body: not an event: {fault.errors()[0]['msg']}") from None


def _digest(secret: str, stamp: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha512).hexdigest()
