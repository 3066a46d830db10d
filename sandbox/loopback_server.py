"""The base of HTTP servers that run on a thread of this process."""

import threading
from http.server import ThreadingHTTPServer
from typing import Self


class LoopbackServer:
    """Serves HTTP for the duration of a context.

    Args:
        server: The server, bound to a port of the loopback interface.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self.address}"
