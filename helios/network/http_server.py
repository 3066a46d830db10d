"""A small HTTP/1.1 server, for programs on this machine.

It imports nothing but asyncio: importing aiohttp takes more processor time than rendering five
frames.
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
from typing import BinaryIO, Self

#: Bytes of a request's body that are kept.
MAX_BODY = 1 << 20
#: Limit of a request's head in bytes.
_MAX_HEAD = 64 << 10
#: Sizes of more digits than any file's aren't numbers to Python.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_LENGTH = re.compile(r"\d{1,18}")


@dataclass(kw_only=True)
class Request:
    """A request.

    Attributes:
        path, query: Parts of its target, still encoded.
        headers: By their names in lower case.
        keeps_connection: Whether the connection stays open for another request.
        body: The first `MAX_BODY` bytes.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    keeps_connection: bool
    body: bytes = b""

    @classmethod
    def of(cls, head: bytes) -> Self:
        """Parse a head; ValueError if it isn't one."""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        path, _, query = target.encode("latin-1").decode(errors="surrogateescape").partition("?")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        closes = headers.get("connection", "").lower() == "close"
        keeps = version == "HTTP/1.1" and not closes
        return cls(method=method, path=path, query=query, headers=headers, keeps_connection=keeps)

    @property
    def length(self) -> int | None:
        """Length of the body by its headers; None if they don't say."""
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not _LENGTH.fullmatch(length):
            return None
        return int(length)

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


Responder = Callable[[Request, StreamWriter], Awaitable[None]]
"""Answers a request, by one of the functions below."""


@contextlib.asynccontextmanager
async def serve_requests(
    answer: Responder, listener: socket.socket, *, grace: float = 0.0
) -> AsyncIterator[None]:
    """Answer requests at a listening socket, which is closed at the end, with its connections.

    Args:
        grace: Seconds that answers which have begun get at the end.
    """
    connections: set[asyncio.Task[None]] = set()
    answers: set[asyncio.Future[None]] = set()

    async def answer_one(request: Request, writer: StreamWriter) -> None:
        ended = asyncio.get_running_loop().create_future()
        answers.add(ended)
        try:
            await answer(request, writer)
        finally:
            answers.discard(ended)
            ended.set_result(None)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        # A browser closes its connections whenever it likes.
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError):
            while await _serve_one(answer_one, reader, writer):
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
        if answers and grace:
            await asyncio.wait(answers, timeout=grace)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _serve_one(answer: Responder, reader: StreamReader, writer: StreamWriter) -> bool:
    """Answer one request; return whether the connection stays open."""
    try:
        request = Request.of(await reader.readuntil(b"\r\n\r\n"))
    except (ValueError, asyncio.LimitOverrunError):
        await send_status(writer, 400)
        return False
    if not await _read_body(request, reader):
        return False
    await answer(request, writer)
    return request.keeps_connection


async def _read_body(request: Request, reader: StreamReader) -> bool:
    """Read a request's body; return whether its end is known."""
    left = request.length
    while left:
        data = await reader.read(min(left, _MAX_HEAD))
        if not data:
            return False
        left -= len(data)
        request.body += data[: MAX_BODY - len(request.body)]
    return left is not None


async def send_status(
    writer: StreamWriter,
    status: int,
    headers: Mapping[str, str] | None = None,
    *,
    body: bool = True,
) -> None:
    """Send an answer without a file; its body is its status, which an inner frame shows."""
    text = f"{status}: {HTTPStatus(status).phrase}".encode()
    kind = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(text))}
    writer.write(head(status, kind | dict(headers or {})) + (text if body else b""))
    await writer.drain()


async def send_bytes(
    request: Request, writer: StreamWriter, status: int, body: bytes, kind: str
) -> None:
    """Send bytes that aren't to be kept, of a media type."""
    headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    writer.write(head(status, headers) + (body if request.method == "GET" else b""))
    await writer.drain()


async def send_file(
    request: Request, writer: StreamWriter, file: BinaryIO, headers: Mapping[str, str]
) -> None:
    """Send a file, or the part of it that a `Range` names; `headers` say its `Content-Type`."""
    facts = os.fstat(file.fileno())
    size = facts.st_size
    tag = f'"{facts.st_mtime_ns:x}-{size:x}"'
    modified = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(facts.st_mtime))
    # Without "no-cache", a browser decides by a file's age whether to ask again: a file would be
    # read once where it is old, and several times where it has just been unpacked.
    common = {"ETag": tag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
    common |= {"Cache-Control": "no-cache", **headers}
    if request.headers.get("if-none-match") == tag:
        writer.write(head(304, common))
        await writer.drain()
        return
    wanted = request.wanted(size, tag)
    part = range(size) if wanted is None else wanted
    if wanted is not None and not part:
        unsatisfied = {"Content-Range": f"bytes */{size}"}
        await send_status(writer, 416, unsatisfied, body=request.method == "GET")
        return
    common["Content-Length"] = str(len(part))
    if wanted is not None:
        common["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    writer.write(head(200 if wanted is None else 206, common))
    await writer.drain()
    if request.method == "GET" and part:
        loop = asyncio.get_running_loop()
        sent = await loop.sendfile(writer.transport, file, part.start, len(part))
        if sent < len(part):
            raise EOFError("the file became shorter while it was sent")


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer."""
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
