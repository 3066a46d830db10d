"""The server of a live page."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

from helios.errors import HeliosError
from helios.network.http_server import Request
from orchestrator.report.html import live_page
from orchestrator.report.redacted import redacted
from orchestrator.web.event_stream import EventStream
from orchestrator.web.loopback import (
    NOT_FOUND,
    SIGN_OF_LIFE,
    Answer,
    Route,
    json_answer,
    page_answer,
    serve_loopback,
    soon,
)

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
        Route("GET", "/", pages.page),
        Route("GET", "/events", pages.events),
        Route("GET", "/pictures/(?P<frame>[0-9]{1,9})", pages.picture),
        # A player asks for segments beside their playlist: the token is a part of the path.
        Route("GET", "/video/(?P<token>[^/]+)/(?P<name>.+)", pages.video),
        Route("POST", "/(?P<control>cancel|pause|resume)", pages.control),
    ]
    async with serve_loopback(routes, port=port) as url:
        yield url


class _Pages:
    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._asked: set[asyncio.Task[None]] = set()

    async def page(self, _: Request, __: Mapping[str, str]) -> Answer:
        return page_answer(live_page())

    async def events(self, _: Request, __: Mapping[str, str]) -> Answer:
        return Answer(events=self._events())

    async def _events(self) -> AsyncGenerator[bytes, None]:
        stream = self._followed.stream
        queue = stream.open()
        try:
            while not (stream.has_ended and queue.empty()):
                message = await soon(queue.get())
                if message is None:
                    yield SIGN_OF_LIFE
                    continue
                try:
                    yield message
                finally:
                    queue.task_done()
        finally:
            stream.close(queue)

    async def picture(self, _: Request, parts: Mapping[str, str]) -> Answer:
        data = self._followed.picture(int(parts["frame"]))
        return NOT_FOUND if data is None else Answer(kind="image/jpeg", body=data)

    async def video(self, _: Request, parts: Mapping[str, str]) -> Answer:
        path = self._followed.video_file(parts["name"])
        if path is None or not await asyncio.to_thread(path.is_file):
            return NOT_FOUND
        return Answer(file=path)

    async def control(self, _: Request, parts: Mapping[str, str]) -> Answer:
        asked = asyncio.create_task(self._followed.control(parts["control"]))
        # It takes as long as running chunks do; what comes of it shows in the job's state.
        self._asked.add(asked)
        asked.add_done_callback(self._forget)
        await asyncio.wait([asked], timeout=_PATIENCE)
        if not asked.done():
            return json_answer({"message": ""}, status=202)
        fault = asked.exception()
        if fault is None:
            return json_answer({"message": ""})
        if isinstance(fault, HeliosError):
            status, error = 409, fault
        else:
            status, error = 500, HeliosError(f"{type(fault).__name__}: {fault}")
        answer = {"code": error.code, "message": error.message}
        return json_answer(redacted(answer), status=status)

    def _forget(self, asked: "asyncio.Task[None]") -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()
