"""Delivers webhook events, with retries."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from helios.errors import OptionInvalid, WebhookUndelivered
from helios.network.network_policy import NetworkPolicy
from helios.redaction import without_secrets
from helios.webhooks.events import MIN_SECRET, SECRET, WebhookEvent, signed_headers

if TYPE_CHECKING:
    import aiohttp

#: Limit of tries for one event.
ATTEMPTS = 6
#: Seconds before the second try, doubled for each further one, and varied at random.
PAUSE = 1.0
#: Seconds that a receiver has to answer.
TIMEOUT = 10.0

#: Statuses of the 4xx range after which another try may succeed.
_RETRYABLE = frozenset({408, 409, 423, 425, 429})


def check_receiver(url: str, secret: str | None) -> None:
    """Check that events can be sent to a receiver.

    Raises `OptionInvalid` if the URL isn't http(s), or there is no secret to sign with.
    """
    check_url(url)
    if not secret or len(secret.encode()) < MIN_SECRET:
        raise OptionInvalid(
            f"webhook {without_secrets(url)}: there is no secret to sign with",
            hint=f"Set {SECRET} to {MIN_SECRET} characters or more, here and at the receiver.",
        )


def check_url(url: str) -> None:
    """Raise `OptionInvalid` for a webhook that isn't an http(s) URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionInvalid(f"webhook {url!r}: not an http:// or https:// URL")


class WebhookSender:
    """Sends signed events.

    Args:
        secret: Secret shared with the receiver.
        attempts: Limit of tries for one event.
        timeout: Seconds that a receiver has to answer.
        network: Addresses that receivers may have; any by default.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        secret: str,
        *,
        attempts: int = ATTEMPTS,
        timeout: float = TIMEOUT,
        network: NetworkPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._secret = secret
        self._attempts = attempts
        self._network = network
        self._timeout = timeout
        self._sleep = sleep

    async def send(self, url: str, event: WebhookEvent, *, attempts: int | None = None) -> None:
        """Send an event until the receiver accepts it with a status of 200 to 299.

        The receiver gets an event again if its answer is lost.

        Raises `WebhookUndelivered` if all tries failed, or the receiver refused the event, and
        `SourceForbidden` if the receiver is in a network that isn't allowed.
        """
        attempts = attempts or self._attempts
        async with await self._session(url) as session:
            for attempt in range(1, attempts + 1):
                fault, final = await self._try(session, url, event)
                if fault is None:
                    return
                if final or attempt == attempts:
                    tries = "once" if attempt == 1 else f"{attempt} times"
                    raise WebhookUndelivered(
                        f"webhook {without_secrets(url)}: {event.type} of job {event.job_id}"
                        f" was sent {tries}, in vain: {fault}",
                        hint="`orchestrator notify` sends it again.",
                    )
                # Random delays keep the retries of many jobs apart.
                await self._sleep(PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311

    async def _session(self, url: str) -> "aiohttp.ClientSession":
        # Takes 0.15 s to import, and workers send an event only at the end of a render.
        import aiohttp  # noqa: PLC0415

        from helios.network.download import CheckedResolver  # noqa: PLC0415

        timeout = aiohttp.ClientTimeout(total=self._timeout)
        if self._network is None:
            return aiohttp.ClientSession(timeout=timeout, trust_env=True)
        # An IP address isn't resolved when connecting, so that the resolver doesn't check it.
        await self._network.addresses(urlsplit(url).hostname or "", 0)
        connector = aiohttp.TCPConnector(resolver=CheckedResolver(self._network))
        return aiohttp.ClientSession(timeout=timeout, connector=connector)

    async def _try(
        self, session: "aiohttp.ClientSession", url: str, event: WebhookEvent
    ) -> tuple[str | None, bool]:
        """Send an event once; return the failure, if any, and whether it is final."""
        from aiohttp import ClientError  # noqa: PLC0415

        body = event.body()
        headers = signed_headers(event.id, body, secret=self._secret, now=time.time())
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            return "no answer in time", False
        except (ClientError, OSError) as fault:
            return f"{type(fault).__name__}: {fault}", False
        if 200 <= status < 300:
            return None, False
        return f"status {status}", 300 <= status < 500 and status not in _RETRYABLE
