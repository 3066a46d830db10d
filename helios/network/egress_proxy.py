"""HTTP proxy that connects to allowed addresses only.

On a worker it is the only network access of compositions, which could otherwise reach credentials
at a metadata address, invocations at Lambda's runtime API, and services of a private network. A
composition's own files come directly from the renderer's server.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from helios.errors import HeliosError
from helios.network.network_policy import NetworkPolicy

#: Time limit of a connection attempt in seconds.
CONNECT_TIMEOUT = 10.0
#: Largest head of a request in bytes.
_MAX_HEAD = 64 * 1024
_BLOCK = 64 * 1024
#: Headers between client and proxy, which aren't forwarded.
_HOP_HEADERS = (b"connection:", b"proxy-connection:", b"proxy-authorization:", b"keep-alive:")


@contextlib.asynccontextmanager
async def egress_proxy(policy: NetworkPolicy) -> AsyncIterator[str]:
    """Run the proxy on a free port of this machine, and yield its URL."""
    proxy = _Proxy(policy)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=_MAX_HEAD)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await proxy.close()


class _Refused(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Proxy:
    def __init__(self, policy: NetworkPolicy) -> None:
        self._policy = policy
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server makes one for each connection
        self._tasks.add(task)
        try:
            await self._serve_one(reader, writer)
        except _Refused as refusal:
            text = str(refusal).encode(errors="replace")
            head = f"HTTP/1.1 {refusal.status} Refused\r\nContent-Type: text/plain\r\n"
            head += f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + text)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # One side has closed the connection.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise _Refused(431, "the request's head is too long") from None
        line, _, headers = head.partition(b"\r\n")
        method, target, version = _request_line(line)
        if method == b"CONNECT":
            host, port = _authority(target, default_port=443)
            answer, request = await self._connect(host, port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            host, port, path = _absolute(target)
            answer, request = await self._connect(host, port)
            # One request per connection, as the next may be for another host.
            request.write(b" ".join((method, path, version)) + b"\r\n" + _own_headers(headers))
        try:
            await _both_ways((reader, request), (answer, writer))
        finally:
            request.close()

    async def _connect(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            addresses = await self._policy.addresses(host, port)
        except HeliosError as refusal:
            raise _Refused(403, refusal.message) from None
        for address in addresses:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    return await asyncio.open_connection(address, port)
            except (OSError, TimeoutError):
                continue
        raise _Refused(502, f"{host}:{port} doesn't answer")


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise _Refused(400, "not a request to a proxy")
    return parts[0], parts[1], parts[2]


def _authority(target: bytes, *, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{target.decode('ascii')}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise _Refused(400, "no host to connect to")
    return host, default_port if port is None else port


def _absolute(target: bytes) -> tuple[str, int, bytes]:
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() != b"http":
        raise _Refused(400, "only http:// is forwarded")
    authority, _, path = rest.partition(b"/")
    host, port = _authority(authority.partition(b"?")[0], default_port=80)
    return host, port, b"/" + path


def _own_headers(headers: bytes) -> bytes:
    kept = [
        line
        for line in headers.split(b"\r\n")
        if line and not line.lower().startswith(_HOP_HEADERS)
    ]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(*pairs: _Pair) -> None:
    """Copy both directions until the answer ends or one side closes the connection."""
    asking, answering = (asyncio.ensure_future(_copy(*pair)) for pair in pairs)
    try:
        await asyncio.wait([asking, answering], return_when=asyncio.FIRST_COMPLETED)
        # After sending its request, a client still waits for the answer.
        await answering
    finally:
        for task in (asking, answering):
            task.cancel()
        await asyncio.gather(asking, answering, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_BLOCK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
