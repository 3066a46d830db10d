"""Downloads over http(s) within a network policy, which also applies to redirects."""

import asyncio
import errno
import io
import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from helios.errors import (
    AccessDenied,
    ArtifactNotFound,
    DiskFull,
    HeliosError,
    PayloadTooLarge,
    SourceForbidden,
    StorageUnavailable,
)
from helios.network.network_policy import NetworkPolicy
from helios.redaction import without_secrets

#: Limit of redirects.
MAX_REDIRECTS = 5
#: Time limit of one try in seconds.
TIMEOUT = 60.0
#: Limit of tries, and seconds between the first two, doubled for each further one.
TRIES = 3
PAUSE = 0.2

_BLOCK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSALS = frozenset({401, 403, 407})
_PORTS = {"http": 80, "https": 443}


class Download:
    """Fetches http(s) URLs.

    Each name is resolved once, and the checked address is connected to. Redirects are checked like
    the URL itself. Proxies and credentials of the environment aren't used.

    Args:
        network: Addresses that may be connected to.
        check: Raises an error for a URL that may not be fetched; also called for each redirect.
        limit: Largest answer in bytes.
        timeout: Time limit of one try in seconds.
        tls: Certificate checks; by default with the system's authorities.
    """

    def __init__(
        self,
        *,
        network: NetworkPolicy,
        check: Callable[[str], None],
        limit: int,
        timeout: float = TIMEOUT,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._network = network
        self._check = check
        self._limit = limit
        self._timeout = timeout
        self._tls = tls

    async def get(self, url: str) -> bytes:
        """Return the content of a URL.

        Raises:
            SourceForbidden: The URL or a redirect isn't allowed, or is in a network that isn't.
            ArtifactNotFound, AccessDenied, StorageUnavailable: There is no such file; it requires
                credentials; the server doesn't answer.
            PayloadTooLarge: The answer is larger than the limit.
        """
        data = io.BytesIO()
        await self._try(url, data)
        return data.getvalue()

    async def save(self, url: str, path: Path) -> None:
        """Write the content of a URL, as `get` returns it, to a new file; incomplete on errors."""
        with path.open("xb") as file:
            await self._try(url, file)

    async def _try(self, url: str, sink: BinaryIO) -> None:
        for tried in range(1, TRIES + 1):
            try:
                async with asyncio.timeout(self._timeout):
                    await self._follow(url, sink)
                    return
            except TimeoutError:
                fault = StorageUnavailable(
                    f"{without_secrets(url)}: no answer within {self._timeout:g} s"
                )
            except StorageUnavailable as error:
                if not error.retryable:
                    raise
                fault = error
            if tried < TRIES:
                await asyncio.sleep(PAUSE * 2 ** (tried - 1))
        raise fault

    async def _follow(self, url: str, sink: BinaryIO) -> None:
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self._network), use_dns_cache=False, ssl=self._tls or True
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed answer could grow beyond any limit before it is counted.
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "helios-worker"},
        ) as session:
            hop = url
            for _ in range(MAX_REDIRECTS + 1):
                self._check(hop)
                await self._check_literal(hop)
                following = await self._ask(session, hop, sink)
                if following is None:
                    return
                hop = following
        raise ArtifactNotFound(f"{without_secrets(url)}: more than {MAX_REDIRECTS} redirects")

    async def _check_literal(self, url: str) -> None:
        """Check a host that is an address already: those aren't resolved."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise SourceForbidden(f"{without_secrets(url)} isn't on a web server")
        try:
            ipaddress.ip_address(parts.hostname or "")
        except ValueError:
            return
        await self._network.addresses(parts.hostname or "", parts.port or _PORTS[parts.scheme])

    async def _ask(self, session: aiohttp.ClientSession, url: str, sink: BinaryIO) -> str | None:
        """Write the answer, or return the URL that it leads to."""
        try:
            async with session.get(url, allow_redirects=False) as response:
                if response.status in _REDIRECTS:
                    return urljoin(url, response.headers.get("Location", ""))
                _require_success(response.status, url)
                await self._write(response, url, sink)
                return None
        except HeliosError:
            raise
        except aiohttp.InvalidURL:
            raise SourceForbidden(f"{without_secrets(url)} isn't a URL to fetch") from None
        except (aiohttp.ClientError, OSError) as fault:
            if refusal := _refusal_behind(fault):
                raise refusal from None
            if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(f"no space left on the disk for {without_secrets(url)}") from fault
            reason = without_secrets(str(fault))
            raise StorageUnavailable(f"{without_secrets(url)}: {reason}") from fault

    async def _write(self, response: aiohttp.ClientResponse, url: str, sink: BinaryIO) -> None:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise StorageUnavailable(
                f"{without_secrets(url)}: the answer is compressed, which is not allowed",
                retryable=False,
            )
        # Discard the output of an earlier try.
        sink.seek(0)
        sink.truncate()
        async for block in response.content.iter_chunked(_BLOCK):
            sink.write(block)
            if sink.tell() > self._limit:
                raise PayloadTooLarge(f"{without_secrets(url)}: more than {self._limit} bytes")


class CheckedResolver(AbstractResolver):
    """Resolves names to addresses that the policy allows."""

    def __init__(self, network: NetworkPolicy) -> None:
        self._network = network

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = 0,  # noqa: ARG002
    ) -> list[ResolveResult]:
        try:
            addresses = await self._network.addresses(host, port)
        except HeliosError as refusal:
            # aiohttp propagates OSError only; `_refusal_behind` reads its cause.
            raise OSError(str(refusal)) from refusal
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Do nothing."""


def _refusal_behind(fault: BaseException | None) -> HeliosError | None:
    """Return the resolver's error from the causes of an error of the client."""
    while fault is not None and not isinstance(fault, HeliosError):
        fault = fault.__cause__
    return fault


def _require_success(status: int, url: str) -> None:
    where = without_secrets(url)
    if status in _REFUSALS:
        raise AccessDenied(f"{where}: the server refused it with status {status}")
    if 400 <= status < 500 and status not in (408, 425, 429):
        raise ArtifactNotFound(f"{where}: the server answered with status {status}")
    if status >= 300 or status < 200:
        raise StorageUnavailable(f"{where}: the server answered with status {status}")
