"""A server of files, for programs on this machine."""

import contextlib
import socket
from asyncio import StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import unquote

from helios.network.http_server import Request, Responder, send_file, send_status, serve_requests

Find = Callable[[str, str], Awaitable[tuple[Path, str] | None]]
"""Returns file and media type for a request's decoded path without its first slash, or None.

The second parameter is the request's `Sec-Fetch-Dest`: `video`, `image`, `empty` for `fetch()`.
It is an empty string without that header.
"""


@contextlib.asynccontextmanager
async def serve_files(
    find: Find,
    listener: socket.socket,
    *,
    host: str,
    answers: Mapping[str, Responder] = MappingProxyType({}),
) -> AsyncIterator[None]:
    """Answer GET and HEAD requests at a listening socket, which is closed at the end.

    Parts of files are sent for requests with a `Range`, as media players make them.

    Args:
        host: Name that requests must have in `Host`. Pages of other sites, whose names may lead to
            this machine, have another one.
        answers: What answers requests of some paths, in place of files.
    """

    async def answer(request: Request, writer: StreamWriter) -> None:
        if request.headers.get("host") != host:
            await send_status(writer, 421)
            return
        if request.method not in ("GET", "HEAD"):
            await send_status(writer, 405, {"Allow": "GET, HEAD"})
            return
        if own := answers.get(request.path.removeprefix("/")):
            await own(request, writer)
            return
        found = None
        with contextlib.suppress(UnicodeDecodeError):
            name = unquote(request.path, errors="strict").removeprefix("/")
            found = await find(name, request.headers.get("sec-fetch-dest", ""))
        file = None if found is None else _open(found[0])
        if found is None or file is None:
            await send_status(writer, 404, body=request.method == "GET")
            return
        with file:
            await send_file(request, writer, file, {"Content-Type": found[1]})

    async with serve_requests(answer, listener):
        yield


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None
