"""A Lambda API that answers as it is told, for the real client to call."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]
INVOKE = "/2015-03-31/functions/{function}/invocations"


class LambdaApi:
    """What was asked, and where."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.payloads: list[Any] = []
        self.functions: list[str] = []
        self.called = asyncio.Event()


@contextlib.asynccontextmanager
async def lambda_api(answer: Answer, *, backlog: int = 1024) -> AsyncIterator[LambdaApi]:
    """Serve the Invoke route on a free port while the context lasts."""
    api = LambdaApi("")

    async def invoke(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        api.functions.append(request.match_info["function"])
        api.payloads.append(json.loads(body))
        api.called.set()
        return await answer(request, body)

    app = web.Application()
    app.router.add_post(INVOKE, invoke)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=backlog)
        await site.start()
        host, port = runner.addresses[0][:2]
        api.url = f"http://{host}:{port}"
        yield api
    finally:
        await runner.cleanup()


def success(body: Mapping[str, Any] | str, *, status: int = 200) -> Answer:
    """Answer as a worker's function does."""
    text = body if isinstance(body, str) else json.dumps(body)
    return payload({"statusCode": status, "body": text})


def payload(value: Any, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with what a function returned."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.json_response(value, headers=headers)

    return answer


def function_error(value: Any, *, log: str = "") -> Answer:
    """Answer as Lambda does for a function that failed."""
    return payload(value, headers={"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": log})


def refusal(status: int, code: str, message: str = "no", **more: str) -> Answer:
    """Answer as Lambda does when it doesn't call the function."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.json_response(
            {"Type": "User", "message": message, **more},
            status=status,
            headers={"x-amzn-ErrorType": code},
        )

    return answer


async def silence(request: web.Request, body: bytes) -> web.StreamResponse:
    """Never answer."""
    await asyncio.sleep(3600)
    raise AssertionError
