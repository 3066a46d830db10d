"""A server of pages on the loopback interface, for requests that carry its token."""

import asyncio
import contextlib
import hmac
import json
import mimetypes
import re
import secrets
import socket
from asyncio import StreamWriter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

from helios.errors import PortInUse
from helios.network.http_server import (
    MAX_BODY,
    Request,
    head,
    send_file,
    send_status,
    serve_requests,
)

HOST = "127.0.0.1"
#: What a stream of events sends if nothing happens, and the seconds after which it does.
SIGN_OF_LIFE = b": alive\n\n"
_ALIVE = 15.0
#: Seconds that answers which have begun get at the end, and a connection for its last events.
_GRACE = 2.0
_LAST = 1.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a handler answers: bytes, a file, or events while the connection lasts."""

    status: int = 200
    kind: str = "text/plain; charset=utf-8"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    events: AsyncGenerator[bytes, None] | None = None


NOT_FOUND = Answer(status=404, body=b"404: Not Found")


def json_answer(value: Any, *, status: int = 200) -> Answer:
    """Return an answer that is a JSON value."""
    return Answer(status=status, kind="application/json", body=json.dumps(value).encode())


def page_answer(text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is an HTML page."""
    return Answer(kind="text/html; charset=utf-8", body=text.encode(), headers=headers or {})


Handler = Callable[[Request, Mapping[str, str]], Awaitable[Answer]]
"""Answers a request, given the parts of its path that the route names."""


@dataclass(frozen=True)
class Route:
    """A handler, and the method and the pattern of the paths that it is for.

    A part of the path named `token` is compared with the token; others have it as `?token=`.
    """

    method: str
    path: str
    handler: Handler


@contextlib.asynccontextmanager
async def serve_loopback(routes: Sequence[Route], *, port: int = 0) -> AsyncIterator[str]:
    """Serve routes on this machine alone for a context; yield the URL with its token.

    Requests without the token, or for another host's name, as a page elsewhere could cause them,
    are answered with status 403.

    Args:
        port: The port; a free one by default.

    Raises:
        PortInUse: Another program has the port.
    """
    listener = _listen(port)
    address = f"{HOST}:{listener.getsockname()[1]}"
    token = secrets.token_urlsafe(24)

    async def answer(request: Request, writer: StreamWriter) -> None:
        route, parts = _route(routes, request)
        given = parse_qs(request.query).get("token", [parts.get("token", "")])[0]
        same_token = hmac.compare_digest(given.encode(errors="replace"), token.encode())
        if not same_token or request.headers.get("host") != address:
            text = b"403: open the URL that the command printed\n"
            found = Answer(status=403, body=text)
        elif route is None:
            found = NOT_FOUND
        elif (request.length or 0) > MAX_BODY:
            found = Answer(status=413, body=b"413: Request Entity Too Large")
        else:
            try:
                found = await route.handler(request, parts)
            except Exception:
                await send_status(writer, 500, _HEADERS)
                raise
        await _send(found, request, writer)

    async with serve_requests(answer, listener, grace=_GRACE):
        yield f"http://{address}/?token={token}"


async def soon(event: Awaitable[_T]) -> _T | None:
    """Wait for something to send; return None if it is time for a sign of life."""
    try:
        async with asyncio.timeout(_ALIVE):
            return await event
    except TimeoutError:
        return None


def _route(routes: Sequence[Route], request: Request) -> tuple[Route | None, Mapping[str, str]]:
    with contextlib.suppress(UnicodeDecodeError):
        path = unquote(request.path, errors="strict")
        method = "GET" if request.method == "HEAD" else request.method
        for route in routes:
            found = re.fullmatch(route.path, path)
            if found is not None and route.method == method:
                return route, found.groupdict()
    return None, {}


async def _send(answer: Answer, request: Request, writer: StreamWriter) -> None:
    headers = {"Content-Type": answer.kind, **_HEADERS, **answer.headers}
    if answer.events is not None:
        await _send_events(answer.events, headers, request, writer)
    elif answer.file is not None:
        kind = mimetypes.guess_type(answer.file.name)[0] or "application/octet-stream"
        with answer.file.open("rb") as file:
            await send_file(request, writer, file, headers | {"Content-Type": kind})
    else:
        headers["Content-Length"] = str(len(answer.body))
        body = b"" if request.method == "HEAD" else answer.body
        writer.write(head(answer.status, headers) + body)
        await writer.drain()


async def _send_events(
    events: AsyncGenerator[bytes, None],
    headers: Mapping[str, str],
    request: Request,
    writer: StreamWriter,
) -> None:
    request.keeps_connection = False
    stream = {"Content-Type": "text/event-stream", "Connection": "close"}
    async with contextlib.aclosing(events):
        try:
            writer.write(head(200, {**headers, **stream}))
            async for event in events:
                writer.write(event)
                await writer.drain()
        finally:
            # The server may end with the last event still on its way.
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LAST):
                    await writer.wait_closed()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise PortInUse(
            f"port {port}: can't be served ({reason})",
            hint="Give another port, or none for a free one.",
        ) from None
