"""A receiver of webhooks: a real web server that checks signatures as users' receivers do."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from helios.errors import SignatureInvalid
from helios.webhooks.events import WebhookEvent, verify

SECRET = "a secret of some length"


class Receiver:
    """Keeps the events that it took.

    Attributes:
        url: Where events are sent.
        answers: Statuses that it answers with next, in place of taking what comes.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook?key=hidden"
        self.answers: list[int] = []
        self.events: list[WebhookEvent] = []
        self.refused: list[SignatureInvalid] = []
        self.asked: list[str] = []

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.asked.append(headers["Helios-Event-Id"])
        if self.answers:
            return self.answers.pop(0)
        try:
            self.events.append(verify(headers, body, secret=SECRET))
        except SignatureInvalid as fault:
            self.refused.append(fault)
            return 401
        return 204


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver for the time of a context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(dict(self.headers), body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
