"""The state of a job at one moment, and the record of an attempt at a chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.api.displays import Notice, ProgressEvent
from orchestrator.api.jobs.job_status import JobStatus
from orchestrator.model.events import ChunkFinished, Event, FrameProgress, LogLine, MergeStarted

if TYPE_CHECKING:
    from helios.contract.error_record import ErrorRecord
    from helios.contract.job_spec import JobSpec

#: Seconds between two snapshots of a running job.
INTERVAL = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A job at one moment.

    Attributes:
        done: Ids of the finished chunks.
        finished: Chunks finished since the previous snapshot, in order.
        lines: Messages that pages logged or threw in these chunks.
    """

    status: JobStatus
    spec: "JobSpec"
    done: frozenset[int]
    finished: Sequence[ChunkFinished] = ()
    lines: Sequence[LogLine] = ()

    def events_since(self, before: "Snapshot") -> list[Event]:
        """Return the events since an earlier snapshot."""
        frames = {chunk.id: chunk.frame_count for chunk in self.spec.chunks}
        count = self.status.frames_done - sum(frames[each.chunk_id] for each in self.finished)
        events: list[Event] = list(self.lines)
        for each in self.finished:
            count += frames[each.chunk_id]
            progress = FrameProgress(
                chunk_id=each.chunk_id,
                frame=frames[each.chunk_id],
                frame_count=frames[each.chunk_id],
                frames_done=count,
                frames_total=self.status.frames_total,
            )
            events += [progress, each]
        if len(before.done) < self.status.chunks_total == len(self.done):
            events.append(MergeStarted(self.status.chunks_total))
        return events


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLog:
    """The record of one attempt at a chunk.

    Attributes:
        number: Counted from 1 for each chunk.
        seconds: Its duration; None while it runs.
        worker: The worker that ran it.
        error: Reason of its failure.
        text: The last lines of its command's stderr, if they are stored.
    """

    chunk_id: int
    number: int
    started_at: datetime
    seconds: float | None = None
    worker: str = ""
    backup: bool = False
    error: "ErrorRecord | None" = None
    text: str = ""


def progress_events(before: Snapshot | None, now: Snapshot) -> list[ProgressEvent]:
    """Return the events between two snapshots, with a notice of the status at start and end."""
    status = now.status
    events: list[ProgressEvent] = [] if before is None else list(now.events_since(before))
    if before is None or not status.is_active:
        events.append(Notice("status", status.progress, status.document()))
    return events
