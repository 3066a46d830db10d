"""A server of pages on the loopback interface, for requests that carry its token."""

import contextlib
import hmac
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from helios.errors import PortInUse

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

HOST = "127.0.0.1"
#: Seconds that open connections get to end.
_SHUTDOWN = 1.0
_LARGEST_REQUEST = 1 << 20


@contextlib.asynccontextmanager
async def serve_loopback(routes: Sequence[web.RouteDef], *, port: int = 0) -> AsyncIterator[str]:
    """Serve routes on this machine alone for a context; yield the URL with its token.

    Requests without the token (`?token=`, or a part `{token}` of the path), or for another host's
    name, as a page elsewhere could cause them, are answered with status 403.

    Args:
        port: The port; a free one by default.

    Raises:
        PortInUse: Another program has the port.
    """
    listener = _listen(port)
    address = f"{HOST}:{listener.getsockname()[1]}"
    token = secrets.token_urlsafe(24)

    @web.middleware
    async def check(request: web.Request, handler: "Handler") -> web.StreamResponse:
        given = request.query.get("token") or request.match_info.get("token", "")
        if request.host != address or not hmac.compare_digest(given.encode(), token.encode()):
            raise web.HTTPForbidden(text="403: open the URL that the command printed\n")
        response = await handler(request)
        if not response.prepared:
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["X-Frame-Options"] = "DENY"
        return response

    app = web.Application(middlewares=[check], client_max_size=_LARGEST_REQUEST)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield f"http://{address}/?token={token}"
    finally:
        await runner.cleanup()
        listener.close()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise PortInUse(
            f"port {port}: can't be served ({reason})",
            hint="Give another port, or none for a free one.",
        ) from None
