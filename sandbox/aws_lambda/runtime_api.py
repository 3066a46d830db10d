"""Lambda's Runtime API of one environment: provides invocations, receives responses."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from aiohttp import web

#: Bytes of a function's answer that Lambda passes on.
MAX_RESPONSE = 6_291_556

_VERSION = "2018-06-01"
# The stack of a failed invocation is in a header.
_MAX_HEADER = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRequest:
    """An invocation, as sent to the runtime.

    Args:
        deadline: Time at which the function is ended, in seconds since the epoch.
    """

    request_id: str
    payload: bytes
    deadline: float
    function_arn: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an invocation: the function's answer, or an error."""

    payload: bytes
    failed: bool = False


def error_outcome(kind: str, message: str) -> Outcome:
    """Return an outcome in which Lambda, and not the function, describes an error."""
    told = {"errorType": kind, "errorMessage": message}
    return Outcome(json.dumps(told).encode(), failed=True)


class RuntimeApi:
    """The Runtime API of one environment, on a free port of this machine."""

    def __init__(self) -> None:
        #: Error of a runtime that can't load the function.
        self.init_error: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._asked = asyncio.Event()
        self._request: asyncio.Future[RuntimeRequest] | None = None
        self._request_id: str | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        app = web.Application(client_max_size=MAX_RESPONSE)
        base = f"/{_VERSION}/runtime"
        app.router.add_get(f"{base}/invocation/next", self._next)
        app.router.add_post(f"{base}/invocation/{{id}}/response", self._respond)
        app.router.add_post(f"{base}/invocation/{{id}}/error", self._fail)
        app.router.add_post(f"{base}/init/error", self._fail_to_start)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=0,
            max_field_size=_MAX_HEADER,
            max_line_size=_MAX_HEADER,
        )

    async def start(self) -> str:
        """Start serving; return host:port, for AWS_LAMBDA_RUNTIME_API."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Stop serving."""
        if self._request is not None:
            self._request.cancel()
        await self._runner.cleanup()

    async def asked(self) -> None:
        """Wait until the runtime has finished all invocations and requests the next one."""
        await self._asked.wait()

    async def hand_over(self, request: RuntimeRequest) -> Outcome:
        """Pass an invocation to the runtime, and return its result."""
        if self._request is None or self._request.done():
            raise RuntimeError("the runtime didn't ask for an invocation")
        self._asked.clear()
        self._request_id = request.request_id
        self._outcome = asyncio.get_running_loop().create_future()
        self._request.set_result(request)
        try:
            return await self._outcome
        finally:
            self._request_id = None

    async def _next(self, _: web.Request) -> web.Response:
        self._request = asyncio.get_running_loop().create_future()
        self._asked.set()
        try:
            request = await self._request
        except asyncio.CancelledError:
            return web.Response(status=410)
        return web.Response(
            body=request.payload,
            content_type="application/json",
            headers={
                "Lambda-Runtime-Aws-Request-Id": request.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(request.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": request.function_arn,
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(request.deadline):08x};Sampled=0",
            },
        )

    async def _respond(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            message = (
                "Response payload size exceeded maximum allowed payload size"
                f" ({MAX_RESPONSE} bytes)."
            )
            return self._settle(
                request, error_outcome("Function.ResponseSizeTooLarge", message), status=413
            )
        return self._settle(request, Outcome(body))

    async def _fail(self, request: web.Request) -> web.Response:
        return self._settle(request, Outcome(await request.read(), failed=True))

    async def _fail_to_start(self, request: web.Request) -> web.Response:
        with contextlib.suppress(asyncio.InvalidStateError):
            self.init_error.set_result(Outcome(await request.read(), failed=True))
        return web.json_response({"status": "OK"}, status=202)

    def _settle(self, request: web.Request, outcome: Outcome, *, status: int = 202) -> web.Response:
        if request.match_info["id"] != self._request_id or self._outcome is None:
            told = {"errorType": "InvalidRequestID", "errorMessage": "no such invocation"}
            return web.json_response(told, status=400)
        if not self._outcome.done():
            self._outcome.set_result(outcome)
        if status != 202:
            told = {"errorType": "RequestEntityTooLarge", "errorMessage": "the answer is too large"}
            return web.json_response(told, status=status)
        return web.json_response({"status": "OK"}, status=202)
