"""Records the trace of a render: where the time of its frames goes, and small pictures."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from helios import __version__
from helios.records.chunk_trace import (
    MAX_PICTURES,
    MAX_SPANS,
    TIME_KINDS,
    ChunkTrace,
    FrameSpan,
    clear_trace,
)
from helios.renderer.encoding.frame_pictures import FramePictures
from helios.renderer.page.times import PageTimes


class TraceRecorder:
    """Adds up the times of a range of frames, in a few spans.

    Args:
        folder: Where the trace is written.
        frames: The range of frames.

    Attributes:
        browser: The browser's name and version.
    """

    def __init__(self, folder: Path, frames: range) -> None:
        self.browser = ""
        self._folder = folder
        self._frames = frames
        self._count = min(MAX_SPANS, len(frames))
        self._seconds = [dict.fromkeys(TIME_KINDS, 0.0) for _ in range(self._count)]

    def begin(self) -> FramePictures:
        """Clear the folder, and return what the encoder writes there."""
        clear_trace(self._folder)
        return FramePictures(self._folder, frame_count=len(self._frames), count=MAX_PICTURES)

    def add(self, frame: int, times: PageTimes) -> None:
        """Add the times of a page for a frame."""
        seconds = self._seconds[self._span(frame)]
        seconds["script"] += times.script
        seconds["waiting"] += times.waiting
        seconds["raster"] += times.raster

    @contextlib.contextmanager
    def encoding(self, frame: int) -> Iterator[None]:
        """Add the time of a context to what the encoder takes for a frame."""
        began = time.perf_counter()
        yield
        self._seconds[self._span(frame)]["encoding"] += time.perf_counter() - began

    async def save(self) -> None:
        """Write the times."""
        versions = {"helios": __version__, "browser": self.browser}
        trace = ChunkTrace(spans=self._spans(), versions=versions)
        await asyncio.to_thread(trace.save_facts, self._folder)

    def _span(self, frame: int) -> int:
        return (frame - self._frames.start) * self._count // len(self._frames)

    def _spans(self) -> list[FrameSpan]:
        total = len(self._frames)
        edges = [-(-number * total // self._count) for number in range(self._count + 1)]
        return [
            FrameSpan(
                start=self._frames.start + edges[number],
                frames=edges[number + 1] - edges[number],
                **{kind: round(value, 4) for kind, value in seconds.items()},
            )
            for number, seconds in enumerate(self._seconds)
        ]
