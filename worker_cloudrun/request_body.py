"""Reads a request's JSON body within limits on size and time."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from helios.errors import InvocationInvalid, PayloadTooLarge


class BodyTypeWrong(InvocationInvalid):
    """The body isn't plain JSON."""


class BodyTooSlow(InvocationInvalid, retryable=True):
    """The body exceeded the time limit."""


def read_body(request: Request, *, limit: int, timeout: float) -> bytes:
    """Return a request's body of at most `limit` bytes, received within `timeout` seconds.

    Raises `BodyTypeWrong`, `PayloadTooLarge`, `BodyTooSlow` or, if the connection breaks,
    `InvocationInvalid`.
    """
    _check_type(request)
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    with _cut_off(connection(request), after=timeout) as late:
        try:
            body = request.stream.read(limit + 1)
        # Servers have errors of their own for broken chunks.
        except Exception as fault:
            if late.is_set():
                body = b""
            elif isinstance(fault, ClientDisconnected):
                raise InvocationInvalid("the request's body is cut short") from None
            else:
                raise InvocationInvalid(f"the request's body can't be read: {fault}") from None
    if late.is_set():
        raise BodyTooSlow(f"the request's body wasn't here within {timeout:g} s")
    if len(body) > limit:
        raise _too_large(limit)
    return body


def connection(request: Request) -> socket.socket | None:
    """Return the connection of a request, if the server provides it."""
    found = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


@contextlib.contextmanager
def _cut_off(caller: socket.socket | None, *, after: float) -> Iterator[threading.Event]:
    """Shut the connection's read side down after some seconds."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        if caller is not None:
            # The write side stays open for the answer.
            with contextlib.suppress(OSError):
                caller.shutdown(socket.SHUT_RD)

    timer = threading.Timer(after, cut)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _check_type(request: Request) -> None:
    kind = request.mimetype
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise BodyTypeWrong(f"Content-Type {kind[:100]!r}: should be application/json")
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise BodyTypeWrong(f"Content-Encoding {encoding[:100]!r}: should be none")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the request's body is longer than {limit} bytes",
        hint="It holds an invocation; give the job spec as a URL.",
    )
