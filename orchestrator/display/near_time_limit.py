"""Warns of chunks that nearly reached their time limit."""

from helios.contract.job_spec import JobSpec
from helios.contract.messages.render_warning import RenderWarning
from orchestrator.display.event_text import duration
from orchestrator.model.events import ChunkFinished, Event

#: Share of its time limit from which a chunk is warned of.
NEAR = 0.8
#: Share of the limit that chunks of the advised length take.
ADVISED = 0.5


class NearTimeLimit:
    """Keeps the chunk of a run that came nearest to its time limit."""

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._share = 0.0
        self._nearest: ChunkFinished | None = None

    def note(self, event: Event) -> None:
        """Take an event of the run into account."""
        if isinstance(event, ChunkFinished) and event.time_limit:
            share = event.duration / event.time_limit
            if share > self._share:
                self._share, self._nearest = share, event

    def warning(self) -> RenderWarning | None:
        """Return a warning of that chunk, with a length that would fit; None if none is near."""
        if self._nearest is None or self._nearest.time_limit is None or self._share <= NEAR:
            return None
        chunk = self._spec.chunk(self._nearest.chunk_id)
        frames = max(1, int(chunk.frame_count * ADVISED / self._share))
        took, limit = duration(self._nearest.duration), duration(self._nearest.time_limit)
        return RenderWarning(
            "TIME_LIMIT_NEAR",
            f"chunk {chunk.id} took {took} of the {limit} that a chunk may take",
            hint=f"Render shorter chunks (`frames_per_chunk` {frames}), or allow more time.",
        )
