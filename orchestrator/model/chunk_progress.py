"""Counts the frames of chunks by the output of their commands."""

import re
from collections.abc import Callable

from helios.contract.job_spec import RenderChunk
from orchestrator.model.events import Event, FrameProgress, LogLine

#: What `helios render` prints to stderr as frames are done.
PROGRESS_LINE = re.compile(r"progress frame=(?P<frame>\d{1,15}) total=\d+(?: fps=(?P<fps>[\d.]+))?")


class JobFrames:
    """Counts the frames of a job: those `done`, of `total`."""

    __slots__ = ("done", "total")

    def __init__(self, *, done: int, total: int) -> None:
        self.done = done
        self.total = total


class ChunkFrames:
    """Counts the frames of one chunk by its command's output, as part of its job's frames.

    `emit` is called with `FrameProgress`, and with a `LogLine` for every other line.
    """

    __slots__ = ("_chunk", "_emit", "_frame", "_job_frames")

    def __init__(
        self, chunk: RenderChunk, *, job_frames: JobFrames, emit: Callable[[Event], None]
    ) -> None:
        self._chunk = chunk
        self._job_frames = job_frames
        self._emit = emit
        self._frame = 0

    def restart(self) -> None:
        """Forget the chunk's frames: an attempt at it failed, or the next one begins."""
        self._job_frames.done -= self._frame
        self._frame = 0

    def on_output(self, stream: str, text: str) -> None:
        """Take a line of the command's output into account."""
        progress = PROGRESS_LINE.match(text) if stream == "stderr" else None
        if progress is None:
            self._emit(LogLine(self._chunk.id, stream, text))
            return
        self.advance(int(progress["frame"]), fps=_number(progress["fps"]))

    def advance(self, frame: int, *, fps: float | None = None) -> None:
        """Note that this many of the chunk's frames are done, unless more were already."""
        frame = min(frame, self._chunk.frame_count)
        if frame <= self._frame:
            return
        job = self._job_frames
        job.done += frame - self._frame
        self._frame = frame
        self._emit(
            FrameProgress(self._chunk.id, frame, self._chunk.frame_count, job.done, job.total, fps)
        )


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
