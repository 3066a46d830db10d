"""The server of a live page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from aiohttp import web

from helios.errors import HeliosError
from orchestrator.report.html import live_page
from orchestrator.report.redacted import redacted
from orchestrator.web.event_stream import EventStream
from orchestrator.web.loopback import serve_loopback

#: Seconds between two signs of life on a stream without events.
_ALIVE = 15.0
#: Seconds to wait for an answer to a request to control the job, which goes on after that.
_PATIENCE = 1.5


class Followed(Protocol):
    """What a live page shows, and what it can ask for."""

    stream: EventStream

    def picture(self, frame: int) -> bytes | None:
        """Return a picture; None if there is none."""

    def video_file(self, name: str) -> Path | None:
        """Return a file of the video; None for a name that none has."""

    async def control(self, name: str) -> None:
        """Cancel, pause or resume the job."""


@contextlib.asynccontextmanager
async def serving(followed: Followed, *, port: int = 0) -> AsyncIterator[str]:
    """Serve a live page on loopback while the context lasts; yield its address with a token.

    Args:
        port: Where to listen; by default any free port.

    Raises:
        PortInUse: Another program has the port.
    """
    pages = _Pages(followed)
    routes = [
        web.get("/", pages.page),
        web.get("/events", pages.events),
        web.get("/pictures/{frame:[0-9]{1,9}}", pages.picture),
        # A player asks for segments beside their playlist: the token is a part of the path.
        web.get("/video/{token}/{name:.+}", pages.video),
        web.post("/{control:cancel|pause|resume}", pages.control),
    ]
    async with serve_loopback(routes, port=port) as url:
        yield url


class _Pages:
    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._asked: set[asyncio.Task[None]] = set()

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=live_page(), content_type="text/html")

    async def events(self, request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        stream = self._followed.stream
        queue = stream.open()
        try:
            while True:
                try:
                    async with asyncio.timeout(_ALIVE):
                        message = await queue.get()
                except TimeoutError:
                    await response.write(b": alive\n\n")
                    continue
                try:
                    await response.write(message)
                finally:
                    queue.task_done()
        except (ConnectionResetError, asyncio.CancelledError):
            return response
        finally:
            stream.close(queue)

    async def picture(self, request: web.Request) -> web.Response:
        data = self._followed.picture(int(request.match_info["frame"]))
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type="image/jpeg")

    async def video(self, request: web.Request) -> web.StreamResponse:
        path = self._followed.video_file(request.match_info["name"])
        if path is None or not await asyncio.to_thread(path.is_file):
            raise web.HTTPNotFound
        return web.FileResponse(path)

    async def control(self, request: web.Request) -> web.Response:
        asked = asyncio.create_task(self._followed.control(request.match_info["control"]))
        # It takes as long as running chunks do; what comes of it shows in the job's state.
        self._asked.add(asked)
        asked.add_done_callback(self._forget)
        await asyncio.wait([asked], timeout=_PATIENCE)
        if not asked.done():
            return web.json_response({"message": ""}, status=202)
        fault = asked.exception()
        if fault is None:
            return web.json_response({"message": ""})
        if isinstance(fault, HeliosError):
            status, error = 409, fault
        else:
            status, error = 500, HeliosError(f"{type(fault).__name__}: {fault}")
        answer = {"code": error.code, "message": error.message}
        return web.json_response(redacted(answer), status=status)

    def _forget(self, asked: "asyncio.Task[None]") -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()
