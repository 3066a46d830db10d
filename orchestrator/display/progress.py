"""Progress of a running job by its events: frames, chunks, speed, time left."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from helios.contract.job_spec import JobSpec
from orchestrator.display.speed import Speed
from orchestrator.model.events import (
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    ChunkStopped,
    Event,
    FrameProgress,
    MergeStarted,
)
from orchestrator.model.job_chunk import ChunkState

#: Seconds over which the speed is averaged.
_SPEED_WINDOW = 10.0


@dataclass(slots=True)
class ChunkProgress:
    """The state of a chunk, and the share of its frames that are rendered."""

    state: ChunkState = ChunkState.WAITING
    share: float = 0.0


class JobProgress:
    """Adds up a job's events.

    Args:
        done: Chunks that were there before it began.
        only: The chunks that are wanted; all by default.
        clock: Returns seconds that never go back.

    Attributes:
        chunks: The chunks in question by their ids, in the order of the timeline.
    """

    def __init__(
        self,
        spec: JobSpec,
        *,
        done: Collection[int] = (),
        only: Collection[int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        wanted = [c for c in spec.chunks_by_frame() if only is None or c.id in only]
        self.chunks = {chunk.id: ChunkProgress() for chunk in wanted}
        self.frames_total = sum(chunk.frame_count for chunk in wanted)
        self.frames_done = 0
        self.chunks_done = 0
        self.chunks_running = 0
        self.merging = False
        # From the first frame on: how long browsers take to start says nothing about the rest.
        self._speed = Speed(_SPEED_WINDOW, clock)
        for chunk in wanted:
            if chunk.id in done:
                self._enter(chunk.id, ChunkState.DONE)
                self.frames_done += chunk.frame_count

    def update(self, event: Event) -> None:
        """Take an event of the job into account."""
        match event:
            case ChunkStarted():
                self._enter(event.chunk_id, ChunkState.RUNNING)
            case ChunkFinished():
                self._enter(event.chunk_id, ChunkState.DONE)
            case ChunkFailed():
                self._enter(event.chunk_id, ChunkState.FAILED)
            case ChunkRetrying() | ChunkStopped():
                self._speed.forget()
                self._enter(event.chunk_id, ChunkState.WAITING)
            case FrameProgress():
                self.frames_done, self.frames_total = event.frames_done, event.frames_total
                self.chunks[event.chunk_id].share = event.frame / event.frame_count
                self._speed.note(self.frames_done)
            case MergeStarted():
                self.merging = True
            case _:
                pass

    @property
    def fps(self) -> float:
        """Frames per second lately; 0 while it is unknown."""
        return self._speed.fps

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all frames are rendered, at the speed of late; None if unknown."""
        return self._speed.seconds_for(self.frames_total - self.frames_done)

    def _enter(self, chunk_id: int, state: ChunkState) -> None:
        chunk = self.chunks[chunk_id]
        self.chunks_done += (state is ChunkState.DONE) - (chunk.state is ChunkState.DONE)
        self.chunks_running += (state is ChunkState.RUNNING) - (chunk.state is ChunkState.RUNNING)
        chunk.state, chunk.share = state, 0.0
