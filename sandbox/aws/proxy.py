"""Forwards requests to another server, streaming their bodies."""

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

# Headers of one connection; the server answers "100 Continue" itself.
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "expect"})
_PIECE = 256 * 1024


class Proxy:
    """A reverse proxy.

    Args:
        port: Port of the server on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._session: ClientSession | None = None

    async def start(self) -> None:
        """Open the client session."""
        self._session = ClientSession(
            connector=TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def stop(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Forward a request, and return the response."""
        if self._session is None:
            raise RuntimeError("the proxy wasn't started")
        # With the host, which is part of the signature and may name a bucket.
        headers = [(name, value) for name, value in request.headers.items() if _passes(name)]
        async with self._session.request(
            request.method,
            URL(f"http://127.0.0.1:{self._port}{request.raw_path}", encoded=True),
            headers=headers,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if _passes(name):
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in answer.content.iter_chunked(_PIECE):
                await response.write(piece)
            return response


def _passes(header: str) -> bool:
    return header.lower() not in _HOP
