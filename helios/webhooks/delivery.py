"""Delivers webhook events, with retries."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import aiohttp

from helios.errors import OptionInvalid, WebhookUndelivered
from helios.network.download import CheckedResolver
from helios.network.network_policy import NetworkPolicy
from helios.redaction import without_secrets
from helios.webhooks.events import MIN_SECRET, SECRET, WebhookEvent, signed_headers

#: Times that an event is sent before it is given up for now.
ATTEMPTS = 6
#: Seconds before the second time, doubled each time; what chance leaves of them is waited.
PAUSE = 1.0
#: Seconds that a receiver may take to answer.
TIMEOUT = 10.0

#: Answers by which a receiver says that another time may be better.
_LATER = frozenset({408, 409, 423, 425, 429})


def check_receiver(url: str, secret: str | None) -> None:
    """Refuse a receiver that events can't be sent to, before any work.

    Raises
    ------
    OptionInvalid
        The URL isn't one of the web, or there is no secret to sign with.
    """
    check_url(url)
    if not secret or len(secret.encode()) < MIN_SECRET:
        raise OptionInvalid(
            f"webhook {without_secrets(url)}: there is no secret to sign with",
            hint=f"Set {SECRET} to {MIN_SECRET} characters or more, here and at the receiver.",
        )


def check_url(url: str) -> None:
    """Refuse what isn't a URL of the web.

    Raises
    ------
    OptionInvalid
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OptionInvalid(f"webhook {url!r}: not an http:// or https:// URL")


class WebhookSender:
    """Sends signed events.

    Parameters
    ----------
    secret:
        Known to sender and receiver.
    attempts:
        Times that an event is sent at most.
    network:
        Which addresses receivers may be at; any by default.
    sleep:
        Waits for some seconds.
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
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._sleep = sleep

    async def send(self, url: str, event: WebhookEvent, *, attempts: int | None = None) -> None:
        """Send an event until the receiver takes it (any status from 200 to 299).

        A receiver may get it more than once: when its answer is lost.

        Raises
        ------
        WebhookUndelivered
            It didn't take it, however often it was asked, or refuses it for good.
        SourceForbidden
            It is in a network that isn't allowed.
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
                # Half of it is left to chance, so that many jobs don't come back together.
                await self._sleep(PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311

    async def _session(self, url: str) -> aiohttp.ClientSession:
        if self._network is None:
            return aiohttp.ClientSession(timeout=self._timeout, trust_env=True)
        # A host that is an address already isn't resolved, and so not checked, when connecting.
        await self._network.addresses(urlsplit(url).hostname or "", 0)
        connector = aiohttp.TCPConnector(resolver=CheckedResolver(self._network))
        return aiohttp.ClientSession(timeout=self._timeout, connector=connector)

    async def _try(
        self, session: aiohttp.ClientSession, url: str, event: WebhookEvent
    ) -> tuple[str | None, bool]:
        """Send it once; return what went wrong, and whether another time makes no sense."""
        body = event.body()
        headers = signed_headers(event.id, body, secret=self._secret, now=time.time())
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except TimeoutError:
            return "no answer in time", False
        except (aiohttp.ClientError, OSError) as fault:
            return f"{type(fault).__name__}: {fault}", False
        if 200 <= status < 300:
            return None, False
        return f"status {status}", 300 <= status < 500 and status not in _LATER
