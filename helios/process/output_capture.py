"""Captures a command's output: keeps its end, and reports each line."""

import asyncio
from collections.abc import Callable
from typing import cast

from helios.contract.messages.output_tail import OutputTail

#: Called with the name of a stream ("stdout" or "stderr") and a line without its line break.
OutputCallback = Callable[[str, str], None]
#: Seconds for which the outputs of an exited command may stay open before the processes that hold
#: them are ended.
LINGER = 0.5
# Longer lines are reported in pieces of this many bytes.
_MAX_LINE = 64 * 1024
_STREAMS = {1: "stdout", 2: "stderr"}


class OutputCapture(asyncio.SubprocessProtocol):
    """Protocol of a command's process: keeps the end of its outputs, and reports their lines."""

    def __init__(self, on_output: OutputCallback | None) -> None:
        loop = asyncio.get_running_loop()
        self.transport: asyncio.SubprocessTransport | None = None
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._on_output = on_output
        self._fault: Exception | None = None
        self._tails = {1: OutputTail(), 2: OutputTail()}
        self._unfinished = {1: b"", 2: b""}

    def pid(self) -> int | None:
        """Return the command's process id; None before it runs."""
        return None if self.transport is None else self.transport.get_pid()

    def output(self, fd: int) -> str:
        """Return the end of the output of a file descriptor."""
        return self._tails[fd].text()

    async def finish(self) -> None:
        """Wait for the rest of the outputs; raise an error of the callback."""
        if not self.closed.done():
            await asyncio.wait([self.closed], timeout=LINGER)
        if self._fault is not None:
            raise self._fault

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._tails[fd].append(data)
        if self._on_output is not None:
            self._report(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        if self._unfinished.get(fd):
            self._report(fd, b"\n")

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.exited.done():
            self.exited.set_result(None)
        if not self.closed.done():
            self.closed.set_result(None)

    def _report(self, fd: int, data: bytes) -> None:
        # Progress lines end with a carriage return.
        *lines, rest = (self._unfinished[fd] + data).replace(b"\r", b"\n").split(b"\n")
        if len(rest) > _MAX_LINE:
            lines.append(rest)
            rest = b""
        self._unfinished[fd] = rest
        for line in lines:
            if line and self._on_output is not None:
                try:
                    self._on_output(_STREAMS[fd], line.decode(errors="replace"))
                except Exception as fault:
                    # The event loop would only log it; `finish` raises it.
                    self._on_output = None
                    self._fault = fault
                    if not self.exited.done():
                        self.exited.set_result(None)
