"""A job: its state, location and settings, and the state of each of its chunks."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AliasChoices, AwareDatetime, Field

from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.wire_model import WireModel
from helios.errors import Cancelled, JobStateConflict
from helios.webhooks.events import EVENT_TYPES, EventType, WebhookEvent, new_event_id
from orchestrator.model.job_chunk import ChunkState, JobChunk
from orchestrator.model.job_id import check_job_id, new_job_id
from orchestrator.model.job_state import ENDED, TRANSITIONS, JobState
from orchestrator.model.location import JobLocation
from orchestrator.model.settings import RunSettings

_Count = Annotated[int, Field(ge=0)]
_Milliseconds = Annotated[float, Field(ge=0)]


class SeamCounts(WireModel):
    """Seams between chunks, by what the comparison of their pictures showed."""

    proven: _Count = Field(description="Seams that can't be seen.")
    alike: _Count = Field(description="Those of them that differ by less than can be seen.")
    unknown: _Count = Field(description="Seams without pictures.")
    differing: _Count = Field(description="Seams that can be seen.")


class JobMetrics(WireModel):
    """Measures of a job, over all of its runs."""

    runs: _Count = 0
    attempts: _Count = 0
    failed_attempts: _Count = 0
    backups: _Count = 0
    reused_chunks: _Count = Field(
        default=0, description="Chunks that the latest run found there and whole."
    )
    healed_chunks: _Count = Field(
        default=0, description="Chunks that the latest run rendered again for their seams."
    )
    merge_started_at: AwareDatetime | None = Field(
        default=None, description="When the latest merge began."
    )
    merge_ms: _Milliseconds = Field(default=0, description="How long it took.")
    seams: SeamCounts | None = Field(default=None, description="The last comparison of seams.")
    worker_ms: _Milliseconds = Field(default=0, description="All attempts added up.")
    wall_ms: _Milliseconds = Field(default=0, description="All runs added up.")


class JobSummary(WireModel):
    """A job without its spec and its chunks: small, whatever the job's size."""

    id: str
    state: JobState = JobState.PENDING
    #: Counts the writes of this record; a write that builds on an older one is refused.
    revision: _Count = 0
    name: str = Field(default="", description="What people know it by.")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    started_at: AwareDatetime | None = Field(default=None, description="Of the latest run.")
    ended_at: AwareDatetime | None = Field(default=None, description="When its state was final.")
    spec_digest: str = Field(description="Tells the job's spec from others.")
    location: JobLocation = Field(
        validation_alias=AliasChoices("location", "placement"),  # its name before 0.3
        description="Where it runs.",
    )
    settings: RunSettings
    chunks_total: _Count
    chunks_done: _Count = 0
    chunks_failed: _Count = 0
    frames_total: _Count
    frames_done: _Count = 0
    metrics: JobMetrics = JobMetrics()
    output: str | None = Field(default=None, description="The finished video.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed or stands still.")
    undelivered: list[WebhookEvent] = Field(
        default_factory=list, description="Events that the receiver hasn't taken yet."
    )

    def moved(self, state: JobState, *, at: datetime, error: ErrorRecord | None = None) -> Self:
        """Return the job in another state, with the reason for it unless it was requested.

        Raises:
            JobStateConflict: There is no way from its state to that one.
        """
        if state not in TRANSITIONS[self.state]:
            raise JobStateConflict(
                f"job {self.id} is {self.state}: it can't become {state}", hint=self.next_step
            )
        changes: dict[str, Any] = {"state": state, "updated_at": at, "error": error}
        if state is JobState.RUNNING:
            changes |= {"started_at": at}
        changes["ended_at"] = at if state in ENDED else None
        moved = self.model_copy(update=changes)
        if not moved._is_told:
            return moved
        # Written with the state itself, an event is never lost, whenever this process ends.
        undelivered = [*self.undelivered, moved.webhook_event(EVENT_TYPES[state], at=at)]
        return moved.model_copy(update={"undelivered": undelivered})

    @property
    def _is_told(self) -> bool:
        """Whether the receiver of webhooks wants to know of the state that it is in now."""
        if self.settings.webhook is None or self.state not in EVENT_TYPES:
            return False
        # A user who paused or stopped it needs no event.
        wished = self.error is None or self.error.code == Cancelled.code
        return self.state is not JobState.PAUSED or not wished

    def webhook_event(self, kind: EventType, *, at: datetime) -> WebhookEvent:
        """Return an event with the job's status."""
        return WebhookEvent(
            id=new_event_id(),
            type=kind,
            at=at,
            job_id=self.id,
            name=self.name,
            chunks_done=self.chunks_done,
            chunks_total=self.chunks_total,
            frames_done=self.frames_done,
            frames_total=self.frames_total,
            output=self.output,
            error=self.error,
        )

    @property
    def next_step(self) -> str:
        """The next step for a user, as a sentence."""
        return _NEXT_STEPS[self.state].format(id=self.id)

    def summary(self) -> "JobSummary":
        """Return the job without its spec and its chunks."""
        return JobSummary.model_construct(
            _fields_set=self.model_fields_set - {"spec", "chunks"},
            **{name: getattr(self, name) for name in JobSummary.model_fields},
            **(self.model_extra or {}),
        )


class Job(JobSummary):
    """All that is known of a job."""

    spec: JobSpec
    chunks: dict[int, JobChunk] = Field(
        default_factory=dict, description="By id; chunks that nothing happened to may be absent."
    )

    @classmethod
    def new(
        cls,
        spec: JobSpec,
        *,
        location: JobLocation,
        settings: RunSettings,
        now: datetime,
        job_id: str | None = None,
        name: str = "",
    ) -> Self:
        """Return a job that nothing has happened to, by default with the spec's or a new id."""
        wanted = _wanted(spec, settings.only)
        return cls(
            id=check_job_id(job_id or spec.id or new_job_id(now)),
            name=name,
            created_at=now,
            updated_at=now,
            spec_digest=spec_digest(spec),
            location=location,
            settings=settings,
            chunks_total=len(wanted),
            frames_total=sum(wanted),
            spec=spec,
        )

    @classmethod
    def of(cls, summary: JobSummary, *, spec: JobSpec, chunks: Mapping[int, JobChunk]) -> Self:
        """Return the job that a summary, a spec and chunks make up."""
        return cls.model_construct(
            _fields_set=summary.model_fields_set | {"spec", "chunks"},
            **{name: getattr(summary, name) for name in JobSummary.model_fields},
            **(summary.model_extra or {}),
            spec=spec,
            chunks=dict(chunks),
        )

    def interrupted(self) -> Self:
        """Return the job as it is known to be once the process that ran it is gone.

        The summary is counted again: it is written less often than the chunks.
        """
        chunks = {chunk_id: chunk.interrupted() for chunk_id, chunk in self.chunks.items()}
        only = None if self.settings.only is None else set(self.settings.only)
        wanted = {c.id: c.frame_count for c in self.spec.chunks if only is None or c.id in only}
        states = {i: chunk.state for i, chunk in chunks.items() if i in wanted}
        done = [i for i, state in states.items() if state is ChunkState.DONE]
        return self.model_copy(
            update={
                "chunks": chunks,
                "chunks_done": len(done),
                "chunks_failed": list(states.values()).count(ChunkState.FAILED),
                "frames_done": sum(wanted[i] for i in done),
            }
        )


def spec_digest(spec: JobSpec) -> str:
    """Return the digest of a spec, independent of its id."""
    text = spec.model_copy(update={"id": None}).to_json()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _wanted(spec: JobSpec, only: Sequence[int] | None) -> list[int]:
    """Return the frame counts of the chunks that are wanted."""
    ids = None if only is None else set(only)
    return [chunk.frame_count for chunk in spec.chunks if ids is None or chunk.id in ids]


_NEXT_STEPS = {
    JobState.PENDING: "It hasn't begun yet: `orchestrator resume {id}`.",
    JobState.RUNNING: "Pause or cancel it first.",
    JobState.PAUSED: "Resume it: `orchestrator resume {id}`.",
    JobState.COMPLETED: "Its video is finished; submit it again to render it again.",
    JobState.FAILED: "Render the missing chunks: `orchestrator resume {id}`.",
    JobState.CANCELLED: "Resume it nevertheless: `orchestrator resume {id}`.",
}
