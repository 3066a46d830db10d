"""A small HTTP/1.1 server of files, for programs on this machine.

Every chunk starts one, so it imports nothing but asyncio: importing aiohttp takes more processor
time than rendering five frames.
"""

import asyncio
import contextlib
import os
import re
import socket
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import unquote

#: Limit of a request's head in bytes.
_MAX_HEAD = 64 << 10
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")

Find = Callable[[str], Awaitable[tuple[Path, str] | None]]
"""Returns file and media type for a request's decoded path without its first slash, or None."""


@contextlib.asynccontextmanager
async def serve_files(find: Find, listener: socket.socket) -> AsyncIterator[None]:
    """Answer GET and HEAD requests at a listening socket, which is closed at the end.

    Parts of files are sent for requests with a `Range`, as media players make them.
    """
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        # A browser closes its connections whenever it likes.
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
            while await _answer(find, reader, writer):
                pass

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.create_task(serve(reader, writer))
        connections.add(connection)
        connection.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, sock=listener, limit=_MAX_HEAD)
    try:
        yield
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _answer(find: Find, reader: StreamReader, writer: StreamWriter) -> bool:
    """Answer one request; return whether the connection stays open."""
    try:
        request = _Request.of(await reader.readuntil(b"\r\n\r\n"))
    except (ValueError, asyncio.LimitOverrunError):
        await _send(writer, 400)
        return False
    if not await _skip_body(request, reader):
        return False
    if request.method not in ("GET", "HEAD"):
        await _send(writer, 405, {"Allow": "GET, HEAD"})
        return request.keeps_connection
    found = None
    with contextlib.suppress(UnicodeDecodeError):
        found = await find(unquote(request.path, errors="strict").removeprefix("/"))
    file = None if found is None else _open(found[0])
    if found is None or file is None:
        await _send(writer, 404, body=request.method == "GET")
    else:
        with file:
            await _send_file(request, writer, file, kind=found[1])
    return request.keeps_connection


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except OSError:
        return None


@dataclass(frozen=True)
class _Request:
    """The head of a request; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    keeps_connection: bool

    @classmethod
    def of(cls, head: bytes) -> Self:
        """Parse a head; ValueError if it isn't one."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        path = target.encode("latin-1").decode(errors="surrogateescape").partition("?")[0]
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        closes = headers.get("connection", "").lower() == "close"
        return cls(method, path, headers, version == "HTTP/1.1" and not closes)

    def wanted(self, size: int, tag: str) -> range | None:
        """Return the bytes of a file that its `Range` names; None for the whole file.

        The result is empty if the file ends before them. Several ranges, and a range of another
        version of the file, are answered with the whole file, as HTTP allows.
        """
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        if found is None or not any(found.groups()) or self.headers.get("if-range", tag) != tag:
            return None
        first, last = found.groups()
        if not first:
            return range(max(0, size - int(last)), size)
        return range(int(first), min(int(last) + 1, size) if last else size)


async def _skip_body(request: _Request, reader: StreamReader) -> bool:
    """Read a request's body; return whether its end is known."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal():
        return False
    left = int(length)
    while left:
        data = await reader.read(min(left, _MAX_HEAD))
        if not data:
            return False
        left -= len(data)
    return True


async def _send(
    writer: StreamWriter,
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    body: bool = True,
) -> None:
    """Send an answer without a file; its body is its status, which an inner frame shows."""
    text = f"{status}: {HTTPStatus(status).phrase}".encode()
    kind = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))}
    writer.write(_head(status, kind | dict(headers or {})) + (text if body else b""))
    await writer.drain()


async def _send_file(request: _Request, writer: StreamWriter, file: BinaryIO, *, kind: str) -> None:
    facts = os.fstat(file.fileno())
    size = facts.st_size
    tag = f'"{facts.st_mtime_ns:x}-{size:x}"'
    modified = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(facts.st_mtime))
    # Without "no-cache", a browser decides by a file's age whether to ask again: a file would be
    # read once where it is old, and several times where it has just been unpacked.
    headers = {"ETag": tag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
    headers["Cache-Control"] = "no-cache"
    if request.headers.get("if-none-match") == tag:
        writer.write(_head(304, headers))
        await writer.drain()
        return
    wanted = request.wanted(size, tag)
    part = range(size) if wanted is None else wanted
    if wanted is not None and not part:
        unsatisfied = {"Content-Range": f"bytes */{size}"}
        await _send(writer, 416, unsatisfied, body=request.method == "GET")
        return
    headers |= {"Content-Type": kind, "Content-Length": str(len(part))}
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    writer.write(_head(200 if wanted is None else 206, headers))
    await writer.drain()
    if request.method == "GET" and part:
        loop = asyncio.get_running_loop()
        sent = await loop.sendfile(writer.transport, file, part.start, len(part))
        if sent < len(part):
            raise EOFError("the file became shorter while it was sent")


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
