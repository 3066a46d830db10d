"""Streams a command's output to the caller line by line."""

import json
import queue
from collections.abc import Iterator
from concurrent.futures import Future

from worker_cloudrun.renders import Answer, Renders

#: The type of an answer that is lines of JSON.
NDJSON = "application/x-ndjson"
#: Seconds without output after which a line is sent to keep the connection alive.
HEARTBEAT = 10.0

# Limit of queued lines for slow callers; further progress is dropped.
_MOST_WAITING = 10_000
# Limit of lines per write.
_MOST_TOGETHER = 100


class Progress:
    """Queue of lines from a command to a caller.

    Each line is a JSON object with a `type`: `output` (with `stream` and `text`), `alive`, and
    finally `result` (with `status` and the fields of the answer).
    """

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[dict[str, object] | None] = queue.SimpleQueue()

    def on_output(self, stream: str, text: str) -> None:
        """Add a line of a command's output."""
        if self._events.qsize() < _MOST_WAITING:
            self._events.put({"type": "output", "stream": stream, "text": text})

    def lines(self, renders: Renders, answer: "Future[Answer]") -> Iterator[bytes]:
        """Yield the bytes to send, up to the result.

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
