"""Chunks as requests to a Google Cloud Run service."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from helios.contract.worker_job import Invocation, InvocationResponse, WorkerJob, WorkerResult
from helios.errors import (
    AccessDenied,
    CommandTimedOut,
    HeliosError,
    InvocationInvalid,
    OptionInvalid,
    PayloadTooLarge,
    WorkerCrashed,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.identity import IdentityTokens, claims_of
from orchestrator.clouds.plain_text import plain_text

if TYPE_CHECKING:
    import aiohttp

#: Seconds that a request may take unless a job says otherwise: the most that Cloud Run allows.
MAX_REQUEST_TIMEOUT = 3600.0
#: What a worker that tells progress answers with: lines of JSON.
NDJSON = "application/x-ndjson"

_CONNECT_TIMEOUT = 30.0
# Seconds without any line after which a worker that tells progress counts as gone: it says
# something every ten.
_SILENCE = 90.0
# Seconds of silence before a connection is probed, and between probes: routers forget a connection
# on which nothing moves after some minutes, and a render is silent for longer.
_KEEP_ALIVE = 45
# Bytes of an answer, or of one line of it: outputs of 64 KiB, thrice, in JSON's longest writing.
_MAX_ANSWER = 6 * 1024 * 1024
_READ_BYTES = 64 * 1024
# Characters of an answer that an error quotes.
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_OK = 200
_REDIRECTS = range(300, 400)
_SERVER_ERRORS = 500
# How the original worker reports a bad request or a failed render by a message alone.
_TOLD_BY_MESSAGE = frozenset({400, 500})
_BY_STATUS: Mapping[int, type[HeliosError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: WorkerNotFound,
    408: WorkerUnavailable,
    413: PayloadTooLarge,
    429: WorkerThrottled,
    502: WorkerUnavailable,
    503: WorkerUnavailable,
    504: CommandTimedOut,
}
_HINTS: Mapping[int, str] = {
    401: "The token isn't accepted: check the audience, and this machine's clock.",
    403: "Give this account the role roles/run.invoker on the service.",
    404: "Check the service's URL, and that it takes requests from here (ingress).",
    413: "Give the job spec as a URL: a request holds an invocation only.",
    429: "Lower the concurrency, or raise the service's number of instances.",
    503: "Its log says more: an instance that crashed, or ran out of memory, looks like this.",
    504: "Raise the service's request time-out, or cut smaller chunks.",
}


class CloudRunAdapter(WorkerAdapter):
    """Runs jobs by POST requests to a Cloud Run service and waits for its answers.

    A request is sent once. What fails is told to the caller, who decides on another try.

    Cancelling a job breaks its request off, upon which the worker ends the command. Close the
    adapter when it isn't needed any more, or use it as an asynchronous context manager; it belongs
    to one event loop. There are as many connections as there are jobs at once.

    Parameters
    ----------
    service_url:
        The service's URL.
    tokens:
        Who we are; None for a service that anybody may call.
    audience:
        Whom tokens are for; the service's URL without path by default, as Cloud Run expects it.
    request_timeout:
        Seconds that a request may take where the job has no time limit.
    progress:
        Whether to ask the worker to tell what the command prints while it runs, where a caller
        wants to know.

    Raises
    ------
    OptionInvalid
        A value can't be worked with, or tokens would travel unencrypted.
    """

    def __init__(
        self,
        service_url: str,
        *,
        tokens: IdentityTokens | None = None,
        audience: str | None = None,
        request_timeout: float = MAX_REQUEST_TIMEOUT,
        progress: bool = True,
    ) -> None:
        origin = _origin(service_url, secret=tokens is not None)
        if not request_timeout > 0:
            raise OptionInvalid(f"request timeout: {request_timeout} s is not above 0")
        self.service_url = service_url
        self._tokens = tokens
        self._audience = audience or origin
        self._request_timeout = request_timeout
        self._progress = progress
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Send one job to the service and return its answer.

        Raises
        ------
        WorkerThrottled, WorkerUnavailable, WorkerCrashed, CommandTimedOut
            Another try may succeed.
        WorkerNotFound, AccessDenied, PayloadTooLarge, InvocationInvalid
            None will.
        """
        payload = Invocation.of(job).encoded()
        limit = self._request_timeout if job.timeout is None else job.timeout
        listener = on_output if self._progress else None
        try:
            return await self._send(payload, limit=limit, on_output=listener)
        except TimeoutError:
            raise CommandTimedOut(
                f"service {self.service_url}: no answer within {limit:g} s",
                hint="Allow more time, or cut smaller chunks.",
            ) from None

    async def _send(
        self, payload: bytes, *, limit: float, on_output: OutputCallback | None
    ) -> WorkerResult:
        import aiohttp  # noqa: PLC0415

        token = None if self._tokens is None else await self._tokens.token(self._audience)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            # Cloud Run takes the signature off the one that it checks; the other one is for the
            # worker's own check.
            headers["X-Serverless-Authorization"] = headers["Authorization"] = f"Bearer {token}"
        if on_output is not None:
            headers["Accept"] = f"{NDJSON}, application/json;q=0.9"
        try:
            # A redirect leads to a log-in page or to another host, which gets no token from here.
            async with self._open().post(
                self.service_url,
                data=payload,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=limit, sock_connect=_CONNECT_TIMEOUT),
                allow_redirects=False,
            ) as response:
                if response.content_type == NDJSON:
                    return await self._follow(response, on_output)
                body = await _whole(response)
                if response.status == _OK:
                    return self._read(body, status=_OK)
                return self._refused(response, body, token)
        except (aiohttp.ClientError, ConnectionError) as fault:
            raise self._broken(fault) from fault

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415

        if self._session is None:
            connector = aiohttp.TCPConnector(
                # The executor's concurrency is the bound.
                limit=0,
                socket_factory=_probed_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _read(self, body: object, *, status: int) -> WorkerResult:
        try:
            return InvocationResponse.parse(body, status=status).result()
        except InvocationInvalid as fault:
            raise InvocationInvalid(
                f"service {self.service_url}: its answer breaks the wire format: {fault.message}",
                hint="Is it a worker's URL?",
                details=fault.details,
            ) from None

    def _refused(
        self, response: "aiohttp.ClientResponse", body: bytes, token: str | None
    ) -> WorkerResult:
        """Return a worker's own refusal as result; raise what anybody on the way to it said."""
        value = _json_object(body)
        status = response.status
        if "exitCode" in value or ("message" in value and status in _TOLD_BY_MESSAGE):
            result = self._read(value, status=status)
            if status == 401 and self._tokens is not None:
                self._tokens.forget(self._audience)
            return result
        raise self._turned_away(response, body, token)

    def _turned_away(
        self, response: "aiohttp.ClientResponse", body: bytes, token: str | None
    ) -> HeliosError:
        status = response.status
        what = f"service {self.service_url}: {status} {response.reason or ''}".rstrip()
        if status in _REDIRECTS:
            return WorkerNotFound(
                f"{what}: it leads to {response.headers.get('Location')!r}",
                hint="Give the service's own https:// URL.",
            )
        if status == 401 and self._tokens is not None:
            self._tokens.forget(self._audience)
        kind = _BY_STATUS.get(status)
        if kind is None:
            kind = WorkerCrashed if status >= _SERVER_ERRORS else InvocationInvalid
        if kind is AccessDenied:
            what += f" for {_name(token)}"
        if wait := response.headers.get("Retry-After"):
            what += f" (again in {wait[:40]} s)"
        said = plain_text(body.decode(errors="replace"))
        return kind(what, hint=_HINTS.get(status, ""), details=[said] if said else [])

    def _broken(self, fault: Exception) -> HeliosError:
        import aiohttp  # noqa: PLC0415

        what = f"service {self.service_url}: "
        if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return WorkerUnavailable(f"{what}{fault}", retryable=False)
        if isinstance(fault, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return WorkerUnavailable(f"{what}can't be reached: {fault}")
        told = str(fault) or type(fault).__name__
        return WorkerUnavailable(f"{what}the connection broke: {told}")

    async def _follow(
        self, response: "aiohttp.ClientResponse", on_output: OutputCallback | None
    ) -> WorkerResult:
        """Hand on what a worker tells line by line, and return its last line's result."""
        result: WorkerResult | None = None
        async for line in self._lines(response):
            event = _json_object(line)
            match event.get("type"):
                case "result":
                    status = event.get("status")
                    result = self._read(event, status=status if isinstance(status, int) else _OK)
                case "output" if on_output is not None:
                    on_output(str(event.get("stream")), str(event.get("text")))
        # Reading to the end leaves the connection good for the next request.
        if result is not None:
            return result
        raise WorkerCrashed(
            f"service {self.service_url}: the answer ended without a result",
            hint="Its log says more: an instance that was ended in the middle looks like this.",
        )

    async def _lines(self, response: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
        rest = b""
        while True:
            try:
                async with asyncio.timeout(_SILENCE) as silence:
                    read = await response.content.read(_READ_BYTES)
            except TimeoutError:
                if not silence.expired():
                    raise
                raise WorkerUnavailable(
                    f"service {self.service_url}: said nothing for {_SILENCE:g} s"
                ) from None
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > _MAX_ANSWER:
                raise PayloadTooLarge(
                    f"service {self.service_url}: a line of its answer passes {_MAX_ANSWER} bytes"
                )


def _origin(service_url: str, *, secret: bool) -> str:
    """Return a URL without path, checked."""
    try:
        parts = urlsplit(service_url)
        host = parts.hostname
    except ValueError as fault:
        raise OptionInvalid(f"service URL: {service_url!r}: {fault}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise OptionInvalid(
            f"service URL: {service_url!r} is not an http(s):// URL",
            hint="gcloud run services describe NAME --format 'value(status.url)' prints it.",
        )
    if secret and parts.scheme == "http" and host not in _LOOPBACK:
        raise OptionInvalid(
            f"service URL: {service_url!r} would let everyone on the way read the identity token",
            hint="Give the https:// URL.",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _probed_socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # macOS calls the first one TCP_KEEPALIVE.
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), _KEEP_ALIVE)
    return made


async def _whole(response: "aiohttp.ClientResponse") -> bytes:
    # A compressed answer's length says nothing about what comes out of it.
    if (
        response.content_length is not None
        and response.content_length <= _MAX_ANSWER
        and "Content-Encoding" not in response.headers
    ):
        return await response.read()
    parts: list[bytes] = []
    size = 0
    while part := await response.content.read(_MAX_ANSWER):
        size += len(part)
        if size > _MAX_ANSWER:
            raise PayloadTooLarge(f"service {response.url}: its answer passes {_MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def _json_object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _name(token: str | None) -> str:
    """Return whom a token names, as a refusal is to say it."""
    if token is None:
        return "a request without identity token"
    claims = claims_of(token)
    who = claims.get("email") or claims.get("sub") or "this account"
    return f"{who} (audience {claims.get('aud')})"
