"""Chunks as requests to a Google Cloud Run service."""

import secrets
import socket
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    CommandTimedOut,
    HeliosError,
    InvocationInvalid,
    OptionInvalid,
    WorkerCrashed,
)
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.adapters.cloud_run_faults import (
    connection_failure,
    origin_of,
    refusal,
    trace_link,
)
from orchestrator.adapters.cloud_run_response import json_object, read_lines, read_whole
from orchestrator.adapters.identity import IdentityTokens
from orchestrator.adapters.keep_alive import keep_alive_options

if TYPE_CHECKING:
    import aiohttp

#: Seconds that a request may take unless a job says otherwise: the most that Cloud Run allows.
MAX_REQUEST_TIMEOUT = 3600.0
#: Media type of a response with progress: lines of JSON.
NDJSON = "application/x-ndjson"

_CONNECT_TIMEOUT = 30.0
_OK = 200
# How the original worker reports a bad request or a failed render by a message alone.
_TOLD_BY_MESSAGE = frozenset({400, 500})


class CloudRunAdapter(WorkerAdapter):
    """Runs jobs by POST requests to a Cloud Run service and waits for its answers.

    A request is sent once; the caller decides on retries.

    Cancelling a job closes its connection, upon which the worker stops the command. Close the
    adapter after use, or use it as an asynchronous context manager; it belongs to one event loop.
    There are as many connections as jobs at once.

    Args:
        service_url: The service's URL.
        tokens: Identity tokens for the service; None for a service that allows unauthenticated
            calls.
        audience: Audience of the tokens; the service's URL without path by default, as Cloud Run
            expects it.
        request_timeout: Seconds that a request may take where the job has no time limit.
        progress: Whether to ask the worker for the command's output while it runs, if a caller
            listens.

    Raises:
        OptionInvalid: A value is invalid, or tokens would be sent unencrypted.
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
        origin = origin_of(service_url, secret=tokens is not None)
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
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Send one job to the service and return its answer.

        Raises:
            WorkerThrottled, WorkerUnavailable, WorkerCrashed, CommandTimedOut: Another try may
                succeed.
            WorkerNotFound, AccessDenied, PayloadTooLarge, InvocationInvalid: None will.
        """
        payload = Invocation.of(job).encoded()
        limit = self._request_timeout if job.timeout is None else job.timeout
        listener = on_output if self._progress else None
        # Cloud Run's logs of a request have the trace that it names.
        trace = secrets.token_hex(16)
        try:
            result = await self._send(payload, limit=limit, on_output=listener, trace=trace)
        except TimeoutError:
            raise CommandTimedOut(
                f"service {self.service_url}: no answer within {limit:g} s",
                hint="Allow more time, or cut smaller chunks.",
                details=[trace_link(trace)],
            ) from None
        except HeliosError as fault:
            fault.details = (*fault.details, trace_link(trace))
            raise
        if result.error is None:
            return result
        facts = {
            "worker": {**(result.error.worker or {}), "trace": trace},
            "details": [*(result.error.details or ()), trace_link(trace)],
        }
        return replace(result, error=result.error.model_copy(update=facts))

    async def _send(
        self, payload: bytes, *, limit: float, on_output: OutputCallback | None, trace: str
    ) -> WorkerResult:
        import aiohttp  # noqa: PLC0415

        token = None if self._tokens is None else await self._tokens.token(self._audience)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers["Traceparent"] = f"00-{trace}-{trace[:16]}-01"
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
                body = await read_whole(response)
                if response.status == _OK:
                    return self._read(body, status=_OK)
                return self._refused(response, body, token)
        except (aiohttp.ClientError, ConnectionError) as fault:
            raise connection_failure(self.service_url, fault) from fault

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
        """Return a worker's own error response as a result, and raise any other one."""
        value = json_object(body)
        status = response.status
        if status == 401 and self._tokens is not None:
            self._tokens.forget(self._audience)
        if "exitCode" in value or ("message" in value and status in _TOLD_BY_MESSAGE):
            return self._read(value, status=status)
        raise refusal(self.service_url, response, body, token)

    async def _follow(
        self, response: "aiohttp.ClientResponse", on_output: OutputCallback | None
    ) -> WorkerResult:
        """Pass on the lines of a worker's output, and return the result in the last line."""
        result: WorkerResult | None = None
        async for line in read_lines(response):
            event = json_object(line)
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


def _probed_socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in keep_alive_options():
        made.setsockopt(*option)
    return made
