"""Lambda's Invoke API, in front of moto."""

import asyncio
import base64
import json
import re
import uuid
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from sandbox.aws.proxy import Proxy
from sandbox.aws_lambda.deployed_functions import FunctionNotFound, Functions
from sandbox.aws_lambda.environment import InvocationEnd
from sandbox.aws_lambda.pool import LambdaPool, Throttled

#: Bytes of an invocation's payload.
MAX_REQUEST = 6_291_456
REGION = "us-east-1"
#: Concurrent executions of the account.
QUOTA = 1000
_INVOKE = "/2015-03-31/functions/{function}/invocations"
_SETTINGS = "/2016-08-19/account-settings/"
_REGION_OF_SIGNATURE = re.compile(r"Credential=[^/]+/\d+/([\w-]+)/")


class LambdaService:
    """Answers invocations, and passes everything else on to moto."""

    def __init__(self, functions: Functions, pool: LambdaPool, proxy: Proxy) -> None:
        self._functions = functions
        self._pool = pool
        self._proxy = proxy
        self._events: set[asyncio.Task[object]] = set()

    def app(self) -> web.Application:
        """Return the combined application."""
        app = web.Application(client_max_size=MAX_REQUEST)
        app.router.add_post(_INVOKE, self._invoke)
        app.router.add_get(_SETTINGS, self._settings)
        app.router.add_route("*", "/{path:.*}", self._proxy.pass_on)
        return app

    async def _settings(self, _: web.Request) -> web.Response:
        """Answer GetAccountSettings, which moto leaves out."""
        limit = {"ConcurrentExecutions": QUOTA, "UnreservedConcurrentExecutions": QUOTA}
        return web.json_response({"AccountLimit": limit, "AccountUsage": {}})

    async def _invoke(self, request: web.Request) -> web.Response:
        try:
            payload = await request.read() or b"{}"
        except web.HTTPRequestEntityTooLarge:
            return _refusal(
                413,
                "RequestTooLargeException",
                f"Request must be smaller than {MAX_REQUEST} bytes for the InvokeFunction"
                " operation",
            )
        try:
            function, reserved = self._functions.find(
                unquote(request.match_info["function"]),
                qualifier=request.query.get("Qualifier"),
                region=_region(request),
            )
        except FunctionNotFound as fault:
            return _refusal(404, "ResourceNotFoundException", str(fault))
        try:
            json.loads(payload)
        except ValueError:
            return _refusal(
                400, "InvalidRequestContentException", "Could not parse request body into json"
            )
        call = self._pool.invoke(function, payload, reserved=reserved)
        return await self._answer(request, call)

    async def _answer(self, request: web.Request, call: Any) -> web.Response:
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            call.close()
            return web.Response(status=204)
        if kind == "Event":
            event = asyncio.ensure_future(call)
            self._events.add(event)
            event.add_done_callback(self._events.discard)
            return web.Response(status=202)
        try:
            end: InvocationEnd = await call
        except Throttled as fault:
            return _refusal(429, "TooManyRequestsException", "Rate Exceeded.", Reason=fault.reason)
        headers = {"X-Amz-Executed-Version": "$LATEST"}
        if end.outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(end.log_tail).decode()
        return web.Response(
            body=end.outcome.payload, content_type="application/json", headers=headers
        )


def _region(request: web.Request) -> str:
    found = _REGION_OF_SIGNATURE.search(request.headers.get("Authorization", ""))
    return found[1] if found else REGION


def _refusal(status: int, code: str, message: str, **more: str) -> web.Response:
    kind = "User" if status < 500 else "Service"
    return web.json_response(
        {"Type": kind, "message": message, **more},
        status=status,
        headers={"x-amzn-ErrorType": code, "x-amzn-RequestId": str(uuid.uuid4())},
    )
