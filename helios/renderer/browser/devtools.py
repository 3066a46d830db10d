"""The Chrome DevTools Protocol over a pair of pipes.

A pipe needs no port, ends the browser with this process, and makes a worker's start about 0.3 s
faster than a driver process (figures in docs/dependencies.md).
"""

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from typing import Any

from helios.errors import BrowserCrashed

#: Buffer size of a pipe in bytes: a screenshot of full HD takes one or two writes.
_PIPE_BYTES = 1 << 20
#: Linux's fcntl command to set a pipe's size (fcntl.h).
_F_SETPIPE_SZ = 1031

Params = dict[str, Any]
EventHandler = Callable[[Params], None]
Delay = Callable[[str], float]
"""Called with the name of an event or answered method; returns seconds."""


class ProtocolError(Exception):
    """The browser refused a command."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(f"{method}: {message}")
        self.method = method
        self.message = message


class _Reader(asyncio.Protocol):
    """Splits the stream into messages at zero bytes."""

    def __init__(self, on_message: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        *ends, rest = data.split(b"\0")
        for end in ends:
            self._on_message(b"".join([*self._parts, end]))
            self._parts.clear()
        if rest:
            self._parts.append(rest)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._on_end()


class DevTools:
    """A connection to one browser, shared by its sessions."""

    def __init__(self, write_fd: int) -> None:
        self._write_fd = write_fd
        self._last_id = 0
        self._waiting: dict[int, tuple[str, asyncio.Future[Params]]] = {}
        self._handlers: dict[tuple[str, str], list[EventHandler]] = {}
        self._transport: asyncio.ReadTransport | None = None
        self._why = "the browser ended"
        self._delay: Delay | None = None
        self._delivered_until = 0.0
        self.closed = asyncio.Event()

    @classmethod
    async def connect(cls, read_fd: int, write_fd: int) -> "DevTools":
        """Connect over two pipe ends, which are closed with the connection."""
        widen_pipe(read_fd)
        widen_pipe(write_fd)
        connection = cls(write_fd)
        loop = asyncio.get_running_loop()
        connection._transport, _ = await loop.connect_read_pipe(
            lambda: _Reader(connection._receive, connection._end),
            os.fdopen(read_fd, "rb", buffering=0),
        )
        return connection

    async def send(self, method: str, params: Params | None = None, session: str = "") -> Params:
        """Call a method and return its result.

        Raises `ProtocolError` if the browser refused the call, and `BrowserCrashed` if the browser
        has ended.
        """
        return await self.start(method, params, session)

    def start(
        self, method: str, params: Params | None = None, session: str = ""
    ) -> "asyncio.Future[Params]":
        """Call a method at once and return a future for its result."""
        future: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        if self.closed.is_set():
            future.set_exception(BrowserCrashed(f"{self._why} before {method}"))
            return future
        self._last_id += 1
        message: Params = {"id": self._last_id, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        self._waiting[self._last_id] = (method, future)
        try:
            _write_all(self._write_fd, json.dumps(message).encode() + b"\0")
        except OSError:
            self._end()
        return future

    def on(self, method: str, handler: EventHandler, session: str = "") -> None:
        """Call `handler` with the parameters of every such event."""
        self._handlers.setdefault((session, method), []).append(handler)

    def hold_back(self, delay: Delay) -> None:
        """Delay each message of the browser, keeping their order.

        For tests, which delay one message after another as a busy machine would.
        """
        self._delay = delay

    def close(self, why: str = "") -> None:
        """Close both pipes, which ends the browser; pending calls fail for the reason `why`."""
        self._why = why or self._why
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            os.close(self._write_fd)
        self._end()

    def _receive(self, data: bytes) -> None:
        message = json.loads(data)
        if self._delay is None:
            self._deliver(message)
            return
        method = message.get("method") or self._waiting.get(message["id"], ("",))[0]
        loop = asyncio.get_running_loop()
        # Calls scheduled for the same time might be reordered.
        self._delivered_until = max(self._delivered_until + 1e-6, loop.time() + self._delay(method))
        loop.call_at(self._delivered_until, self._deliver, message)

    def _deliver(self, message: Params) -> None:
        if "id" in message:
            self._answer(message)
            return
        key = (message.get("sessionId", ""), message["method"])
        for handler in self._handlers.get(key, ()):
            handler(message["params"])

    def _answer(self, message: Params) -> None:
        method, future = self._waiting.pop(message["id"], ("", None))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(ProtocolError(method, message["error"]["message"]))
        else:
            future.set_result(message["result"])

    def _end(self) -> None:
        self.closed.set()
        waiting, self._waiting = self._waiting, {}
        for method, future in waiting.values():
            if not future.done():
                future.set_exception(BrowserCrashed(f"{self._why} during {method}"))


def widen_pipe(fd: int) -> None:
    """Enlarge a pipe's buffer for whole frames, if the system supports it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
