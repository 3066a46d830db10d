"""Server-sent events: what is sent to each page that follows a job."""

import asyncio
import json
from collections import deque
from typing import Any

from orchestrator.report.redacted import redacted

#: Events that a page may be behind, above which it is sent the whole report again.
MAX_BEHIND = 64
#: Lines of output that a page is sent when it opens.
MAX_LINES = 500


class EventStream:
    """The events of one job, for all pages that follow it; none of them has secrets.

    Attributes:
        has_ended: Whether nothing more will be sent.
    """

    def __init__(self) -> None:
        self._pages: set[asyncio.Queue[bytes]] = set()
        self._report: dict[str, Any] | None = None
        self._lines: deque[dict[str, Any]] = deque(maxlen=MAX_LINES)
        self._video: dict[str, Any] | None = None
        self.has_ended = False

    @property
    def is_followed(self) -> bool:
        """Whether a page is open."""
        return bool(self._pages)

    def open(self) -> "asyncio.Queue[bytes]":
        """Return the events for a page that opens; those that come later are added."""
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        for message in self._state():
            queue.put_nowait(message)
        self._pages.add(queue)
        return queue

    def close(self, queue: "asyncio.Queue[bytes]") -> None:
        """Send no more events to a page."""
        self._pages.discard(queue)

    def send_report(self, report: dict[str, Any]) -> None:
        """Send a whole report, which replaces what pages show."""
        self._report = report
        self._send("report", report)

    def send_patch(self, patch: dict[str, Any], *, whole: dict[str, Any]) -> None:
        """Send what has changed in the report; pages that open later get the whole one."""
        self._report = whole
        self._send("patch", patch)

    def send_lines(self, lines: list[dict[str, Any]]) -> None:
        """Send lines of output."""
        self._lines.extend(lines)
        self._send("log", lines)

    def send_video(self, name: str, kind: str) -> None:
        """Say that the video, or its finished part, can be played."""
        video = {"name": name, "kind": kind}
        if video != self._video:
            self._video = video
            self._send("video", video)

    def end(self) -> None:
        """Say that nothing more will happen."""
        self.has_ended = True
        self._send("end", {})

    async def drained(self) -> None:
        """Wait until pages have taken all events."""
        await asyncio.gather(*(queue.join() for queue in self._pages))

    def _send(self, event: str, value: Any) -> None:
        if not self._pages:
            return
        message = _message(event, value)
        for queue in self._pages:
            if queue.qsize() > MAX_BEHIND:
                # A page that doesn't keep up is better off with the state than with its history.
                while not queue.empty():
                    queue.get_nowait()
                    queue.task_done()
                for each in self._state():
                    queue.put_nowait(each)
            else:
                queue.put_nowait(message)

    def _state(self) -> list[bytes]:
        messages = []
        if self._report is not None:
            messages.append(_message("report", self._report))
        if self._lines:
            messages.append(_message("log", list(self._lines)))
        if self._video is not None:
            messages.append(_message("video", self._video))
        if self.has_ended:
            messages.append(_message("end", {}))
        return messages


def _message(event: str, value: Any) -> bytes:
    """Return an event without secrets, as it is sent."""
    data = json.dumps(redacted(value), ensure_ascii=False, separators=(",", ":"))
    return f"event: {event}\ndata: {data}\n\n".encode()
