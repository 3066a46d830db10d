"""An HTTP server with scripted answers."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A received request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Bytes of the body after which the connection is closed; -1 for no answer.
    cut: int | None = None


#: An answer, or a function of the request.
Answer = Reply | Callable[[Received], Reply]


class ScriptedServer:
    """A server that returns scripted answers in order, and repeats the last one."""

    def __init__(self) -> None:
        self._replies: list[Answer] = [Reply(500)]
        self._lock = threading.Lock()
        #: Received requests, in order.
        self.requests: list[Received] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received = Received(self.command, self.path, headers, body)
                outer.requests.append(received)
                reply = outer._next_reply()
                self.answer(reply if isinstance(reply, Reply) else reply(received))

            def answer(self, reply: Reply) -> None:
                self.close_connection = reply.cut is not None
                if reply.cut == -1:
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body[: reply.cut])

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Log nothing, as clients may close connections."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def tell(self, *replies: Answer) -> None:
        """Set the next answers; the last one is repeated."""
        with self._lock:
            self._replies = list(replies)
            self.requests.clear()

    def _next_reply(self) -> Answer:
        with self._lock:
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
