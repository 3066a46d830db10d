"""Streams a command's output to the caller line by line."""

import json
import queue
from collections.abc import Iterator
from concurrent.futures import Future

from worker_cloudrun.renders import Answer, Renders

#: The type of an answer that is lines of JSON.
NDJSON = "application/x-ndjson"
#: Seconds after which a line is sent although there is nothing to tell: who hears nothing for
#: long takes the worker for gone, and so do routers on the way.
HEARTBEAT = 10.0

# Lines that wait for a caller who reads slowly; progress beyond that is dropped.
_MOST_WAITING = 10_000
# Lines that are sent at once.
_MOST_TOGETHER = 100


class Progress:
    """Lines on their way from a command to a caller.

    Each is a JSON object with a `type`: `output` (with `stream` and `text`), `alive`, and at last
    `result` (with `status` and what the answer holds otherwise).
    """

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()

    def on_output(self, stream: str, text: str) -> None:
        """Take a line that a command has written."""
        if self._events.qsize() < _MOST_WAITING:
            self._events.put({"type": "output", "stream": stream, "text": text})

    def lines(self, renders: Renders, answer: "Future[Answer]") -> Iterator[bytes]:
        """Yield what to send, until the answer is there.

        Ending the iteration early ends the invocation.
        """
        answer.add_done_callback(lambda _: self._events.put(None))
        try:
            more = True
            while more:
                events, more = self._next()
                if events:
                    yield _encoded(events)
            status, response = answer.result()
            yield _encoded([{"type": "result", "status": status, **response.body()}])
        finally:
            renders.end(answer)

    def _next(self) -> tuple[list[dict[str, object]], bool]:
        """Return the next lines, and whether there may be more after them."""
        events: list[dict[str, object]] = []
        try:
            event = self._events.get(timeout=HEARTBEAT)
            while event is not None:
                events.append(event)
                if len(events) == _MOST_TOGETHER:
                    return events, True
                event = self._events.get_nowait()
        except queue.Empty:
            return events or [{"type": "alive"}], True
        return events, False


def _encoded(events: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
