"""Where the time of a run went, by its events, and what would make the next one faster."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from helios.contract.job_spec import JobSpec
from orchestrator.display.event_text import duration
from orchestrator.model.events import (
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    Event,
    FrameProgress,
    MergeFinished,
)

#: Seconds of a run below which nothing is worth a line.
LEAST_SECONDS = 5.0
#: Times the usual time of a frame from which a frame is slow.
SLOW = 2.0
#: Share of the time for frames from which slow ones are named.
SLOW_SHARE = 0.2
#: Seconds that slow frames must have taken together.
SLOW_SECONDS = 1.0
#: Share of workers' time for starting, and of the run's for stitching, from which it is too much.
START_SHARE = 0.3
STITCH_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of a timeline that were drawn together, and the seconds that this took."""

    frames: range
    seconds: float

    @property
    def pace(self) -> float:
        """Seconds for a frame."""
        return self.seconds / len(self.frames)


@dataclass(slots=True)
class _Running:
    """A chunk that runs: when it began, and when how many of its frames were last known done."""

    began: float
    frame: int = 0
    at: float | None = None
    start: float = 0.0
    spans: list[Span] = field(default_factory=list)


class TimeUse:
    """Adds up where the time of a run goes: starting chunks, drawing frames, stitching.

    Chunks whose frames aren't reported while they are drawn, as remote ones, count as one span.

    Args:
        clock: Returns seconds that never go back.
    """

    def __init__(self, spec: JobSpec, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._first = {chunk.id: chunk.start_frame for chunk in spec.chunks}
        self._count = {chunk.id: chunk.frame_count for chunk in spec.chunks}
        self._plays = "--audio-from" in spec.merge_command
        self._clock = clock
        self._running: dict[int, _Running] = {}
        self._lost = 0.0
        self._stitching = 0.0
        self._starts: list[float] = []
        self._spans: list[Span] = []

    def note(self, event: Event) -> None:
        """Take an event of the run into account."""
        match event:
            case ChunkStarted():
                self._running[event.chunk_id] = _Running(self._clock())
            case FrameProgress():
                self._note_frames(event)
            case ChunkRetrying():
                running = self._running.pop(event.chunk_id, None)
                if running is not None:
                    self._lost += self._clock() - running.began
            case ChunkFinished():
                self._finish(event)
            case MergeFinished():
                self._stitching = event.duration
            case _:
                pass

    def _note_frames(self, event: FrameProgress) -> None:
        running = self._running.get(event.chunk_id)
        if running is None or event.frame <= running.frame:
            return
        now = self._clock()
        if running.at is None:
            running.start = now - running.began
        else:
            first = self._first[event.chunk_id]
            frames = range(first + running.frame, first + event.frame)
            running.spans.append(Span(frames, now - running.at))
        running.frame, running.at = event.frame, now

    def _finish(self, event: ChunkFinished) -> None:
        running = self._running.pop(event.chunk_id, None)
        if running is None:
            return
        if running.spans:
            self._starts.append(running.start)
            self._spans += running.spans
            return
        first = self._first[event.chunk_id]
        frames = range(first, first + self._count[event.chunk_id])
        self._spans.append(Span(frames, event.duration))

    @property
    def _drawing(self) -> float:
        return sum(span.seconds for span in self._spans)

    def slowest(self) -> tuple[range, float, float] | None:
        """Return the frames in a row that took far longer than usual, if there are any.

        Also their share of the time for all frames, and how many times the usual pace they took.
        """
        spans = sorted(self._spans, key=lambda span: span.frames.start)
        usual = _median_pace(spans)
        if not usual or len(spans) < 3:
            return None
        runs = [
            list(run)
            for is_slow, run in groupby(spans, key=lambda span: span.pace > SLOW * usual)
            if is_slow
        ]
        if not runs:
            return None
        worst = max(runs, key=lambda run: sum(span.seconds for span in run))
        seconds = sum(span.seconds for span in worst)
        frames = range(worst[0].frames.start, worst[-1].frames.stop)
        if seconds < max(SLOW_SECONDS, SLOW_SHARE * self._drawing):
            return None
        return frames, seconds / self._drawing, seconds / len(frames) / usual

    def line(self, seconds: float) -> tuple[str, dict[str, Any]] | None:
        """Return a sentence on a run that took some seconds, and its facts; None for a short one.

        What it suggests follows from what was measured alone.
        """
        if seconds < LEAST_SECONDS or not self._spans:
            return None
        starting, drawing = sum(self._starts), self._drawing
        facts: dict[str, Any] = {
            "startSeconds": round(starting, 3),
            "frameSeconds": round(drawing, 3),
            "stitchSeconds": round(self._stitching, 3),
            "lostSeconds": round(self._lost, 3),
        }
        parts = [f"{duration(drawing)} drawing frames"]
        if round(starting):
            parts.insert(0, f"{duration(starting)} starting")
        if round(self._stitching):
            parts.append(f"{duration(self._stitching)} stitching")
        if round(self._lost):
            parts.append(f"{duration(self._lost)} in attempts that failed")
        text = f"workers' time: {', '.join(parts)}"
        advice = self._advice(seconds, starting, drawing, facts)
        return (f"{text}; {advice}" if advice else text), facts

    def _advice(
        self, seconds: float, starting: float, drawing: float, facts: dict[str, Any]
    ) -> str | None:
        slowest = self.slowest()
        if slowest is not None:
            frames, share, times = slowest
            facts["slowest"] = {
                "firstFrame": frames.start,
                "lastFrame": frames.stop - 1,
                "share": round(share, 3),
                "times": round(times, 2),
            }
            return (
                f"frames {frames.start}-{frames.stop - 1} took {share:.0%} of the drawing,"
                f" {times:.1f} times as long each as the median frame"
            )
        if len(self._starts) > 1 and starting > START_SHARE * (starting + drawing):
            return "fewer chunks (--chunks) start less often"
        if self._plays and self._stitching > STITCH_SHARE * seconds:
            return "--no-audio stitches without playing the page for its sound"
        return None


def _median_pace(spans: list[Span]) -> float:
    """Return the median over frames, not over spans, of the seconds that a frame takes."""
    half = sum(len(span.frames) for span in spans) / 2
    for span in sorted(spans, key=lambda span: span.pace):
        half -= len(span.frames)
        if half <= 0:
            return span.pace
    return 0.0
