"""A job on its way through: its state, where it runs, and what became of each of its chunks."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from helios.contract.job_spec import JobSpec, id_fault
from helios.contract.worker_job import Artifact, ErrorRecord
from helios.errors import Cancelled, JobStateConflict, OptionInvalid
from helios.webhooks.events import EVENT_TYPES, EventType, WebhookEvent, new_event_id

#: Characters from the end of a failed attempt's stderr that are kept.
LOG_TAIL = 2048
#: Why an attempt failed whose process ended in its middle.
INTERRUPTED = ErrorRecord(
    code="INTERRUPTED", message="the orchestrator ended while it ran", retryable=True
)
# Letters and digits of an id that can't be taken for each other.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


class JobState(StrEnum):
    """Where in its life a job is."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: The states that may follow each state; there are no other ways.
TRANSITIONS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.PENDING: frozenset(
            {JobState.RUNNING, JobState.PAUSED, JobState.FAILED, JobState.CANCELLED}
        ),
        JobState.RUNNING: frozenset(
            {JobState.PAUSED, JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}
        ),
        JobState.PAUSED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
        JobState.COMPLETED: frozenset(),
        JobState.FAILED: frozenset({JobState.RUNNING}),
        JobState.CANCELLED: frozenset({JobState.RUNNING}),
    }
)
#: States in which nothing more happens by itself, and nothing is waited for.
ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


class ChunkState(StrEnum):
    """How far a chunk is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class _Record(BaseModel):
    # Unknown fields are kept, so that an older client doesn't strip what a newer one wrote.
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        frozen=True,
    )

    def to_json(self) -> str:
        """Return the record as one line of JSON, without what isn't known."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


_Count = Annotated[int, Field(ge=0)]
_Milliseconds = Annotated[float, Field(ge=0)]


#: The kind of adapter that runs chunks as processes of this machine.
LOCAL = "local"


class AdapterSettings(_Record):
    """How chunks reach one place that can run them."""

    kind: str = Field(default=LOCAL, description="local, lambda, cloudrun.")
    weight: float = Field(
        default=1.0, gt=0, description="Its share of the chunks, relative to other places."
    )
    artifacts: str | None = Field(
        default=None, description="Storage that its workers read from and write to."
    )
    function: str | None = Field(default=None, description="Lambda function: name or ARN.")
    merge_function: str | None = Field(
        default=None, description="Lambda function that joins chunks; null for the same."
    )
    region: str | None = Field(default=None, description="AWS region.")
    service_url: str | None = Field(default=None, description="Cloud Run service.")
    impersonate: str | None = Field(
        default=None, description="Service account to call the service as."
    )


class JobLocation(_Record):
    """Where a job runs, so that any process that can reach it can go on with it."""

    adapters: Annotated[list[AdapterSettings], Field(min_length=1)] = Field(
        default_factory=lambda: [AdapterSettings()], description="What runs the chunks."
    )
    job_path: str = Field(description="The job spec: a path, or an s3:// or gs:// URL.")
    job_dir: str | None = Field(
        default=None, description="Folder of this machine that chunk outputs are relative to."
    )
    machine: str | None = Field(default=None, description="The machine that the folder is on.")
    output: str | None = Field(default=None, description="Where the video goes in the end.")
    keep: bool = Field(default=True, description="Keep the job's folder after success.")

    @property
    def is_local(self) -> bool:
        """Whether chunks are rendered on the machine that the job's folder is on."""
        return all(adapter.kind == LOCAL for adapter in self.adapters)

    @property
    def folder(self) -> Path:
        """The job's folder on its machine."""
        return Path(self.job_path).parent if self.job_dir is None else Path(self.job_dir)


class Stitch(StrEnum):
    """Where chunks that were rendered elsewhere are joined."""

    AUTO = "auto"
    LOCAL = "local"
    WORKER = "worker"
    SERVER = "server"


class WebhookSettings(_Record):
    """Who is told of a job; the secret that this is signed with isn't kept."""

    url: str = Field(description="Where events are sent.")
    progress: float | None = Field(
        default=None, gt=0, description="Seconds between two events of progress; null for none."
    )


class RunSettings(_Record):
    """How a job is run."""

    concurrency: int = Field(ge=1, description="Chunks at the same time.")
    merge: bool = Field(default=True, description="Whether chunks are joined.")
    retries: _Count = Field(default=2, description="Further tries of a chunk.")
    retry_delay: float = Field(
        default=1.0, ge=0, description="Seconds before the first further try, at most."
    )
    chunk_timeout: float | None = Field(
        default=None, gt=0, description="Seconds that a try may take; null for no limit."
    )
    only: list[int] | None = Field(
        default=None, description="Ids of the only chunks that are wanted; null for all."
    )
    stitch: Stitch = Field(
        default=Stitch.AUTO,
        description="What joins chunks from elsewhere: this machine, a worker, the storage itself.",
    )
    presign: float | None = Field(
        default=None, gt=0, description="Seconds for which a link to the video is valid."
    )

    backups: bool | None = Field(
        default=None,
        description="Whether slow chunks are given to a second worker; null for where it suits.",
    )
    max_cost: float | None = Field(
        default=None, gt=0, description="US dollars that the job may cost; null for no limit."
    )
    deadline: float | None = Field(
        default=None, gt=0, description="Seconds that a run may take; null for no limit."
    )
    incremental: bool = Field(
        default=False, description="Whether chunks are kept that would be rendered alike."
    )
    webhook: WebhookSettings | None = Field(default=None, description="Who is told of the job.")

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Return the settings with other values.

        Raises
        ------
        OptionInvalid
            A value can't be worked with.
        """
        try:
            return type(self).model_validate({**self.model_dump(), **changes})
        except ValidationError as fault:
            raise OptionInvalid(
                "; ".join(
                    f"{'.'.join(map(str, error['loc']))} {error['input']!r}: {error['msg']}"
                    for error in fault.errors(include_url=False)
                )
            ) from None


class Attempt(_Record):
    """One try at a chunk."""

    number: int = Field(ge=1, description="Counted from 1 over all runs of the job.")
    started_at: AwareDatetime
    duration_ms: _Milliseconds | None = Field(
        default=None, description="How long it took; null while it runs."
    )
    worker: str | None = Field(default=None, description="What ran it.")
    backup: bool = Field(default=False, description="Started beside another that was slow.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed.")
    log_tail: str | None = Field(default=None, description="What it said last, if it failed.")

    @property
    def runs(self) -> bool:
        """Whether it hasn't ended yet, as far as is known."""
        return self.duration_ms is None

    def interrupted(self) -> Self:
        """Return the attempt as it is known to be if whoever made it is gone."""
        if not self.runs:
            return self
        return self.model_copy(update={"duration_ms": 0.0, "error": INTERRUPTED})


class JobChunk(_Record):
    """What became of one chunk."""

    id: _Count
    state: ChunkState = ChunkState.WAITING
    attempts: list[Attempt] = Field(default_factory=list)
    artifact: Artifact | None = Field(default=None, description="The file that holds it.")
    healed: bool = Field(
        default=False, description="Rendered again for its seams, with every frame visited."
    )

    def interrupted(self) -> Self:
        """Return the chunk as it is known to be if whoever was at it is gone."""
        state = ChunkState.WAITING if self.state is ChunkState.RUNNING else self.state
        attempts = [attempt.interrupted() for attempt in self.attempts]
        return self.model_copy(update={"state": state, "attempts": attempts})


class JobMetrics(_Record):
    """What a job took so far, over all of its runs."""

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
    worker_ms: _Milliseconds = Field(default=0, description="All attempts added up.")
    wall_ms: _Milliseconds = Field(default=0, description="All runs added up.")


class JobSummary(_Record):
    """A job without its spec and its chunks: small, whatever the job's size.

    Attributes
    ----------
    revision:
        Counts the writes of this record; a write that builds on an older one is refused.
    """

    id: str
    state: JobState = JobState.PENDING
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
    output: str | None = Field(default=None, description="The video, once it is there.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed or stands still.")
    undelivered: list[WebhookEvent] = Field(
        default_factory=list, description="Events that the receiver hasn't taken yet."
    )

    def moved(self, state: JobState, *, at: datetime, error: ErrorRecord | None = None) -> Self:
        """Return the job in another state.

        Parameters
        ----------
        at:
            Now.
        error:
            Why, where the reason isn't somebody's wish.

        Raises
        ------
        JobStateConflict
            There is no way from its state to that one.
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
        # Who paused or stopped it knows.
        wished = self.error is None or self.error.code == Cancelled.code
        return self.state is not JobState.PAUSED or not wished

    def webhook_event(self, kind: EventType, *, at: datetime) -> WebhookEvent:
        """Return an event that tells how the job stands."""
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
        """What people can do with it now, as a sentence."""
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
        """Return a job that nothing has happened to.

        Parameters
        ----------
        job_id:
            Its id; by default that of the spec, else a new one.

        Raises
        ------
        OptionInvalid
            The id can't name a folder.
        """
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
        """Return the job as it is known to be if whoever ran it is gone.

        The summary is counted anew: it is written less often than what became of the chunks.
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
    """Return what tells a spec from others, whatever its id."""
    text = spec.model_copy(update={"id": None}).to_json()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def new_job_id(now: datetime | None = None) -> str:
    """Return an id that nobody else has, in the order of time: `20261125-093012-7kx2m4`."""
    now = datetime.now(UTC) if now is None else now
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"{now:%Y%m%d-%H%M%S}-{tail}"


def check_job_id(job_id: str) -> str:
    """Return an id that may name a folder or a key.

    Raises
    ------
    OptionInvalid
        It could lead out of the folder of all jobs, or collide with what else is there.
    """
    fault = id_fault(job_id)
    if fault is None and job_id.startswith((".", "-")):
        fault = f"{job_id!r} begins with {job_id[0]!r}"
    if fault is not None:
        raise OptionInvalid(f"job id: {fault}")
    return job_id


def log_tail(stderr: str) -> str | None:
    """Return the end of an output as it is kept for a failed attempt; None if it said nothing."""
    return stderr[-LOG_TAIL:].strip() or None


def _wanted(spec: JobSpec, only: Sequence[int] | None) -> list[int]:
    """Return the frame counts of the chunks that are wanted."""
    ids = None if only is None else set(only)
    return [chunk.frame_count for chunk in spec.chunks if ids is None or chunk.id in ids]


_NEXT_STEPS = {
    JobState.PENDING: "It hasn't begun yet: `orchestrator resume {id}`.",
    JobState.RUNNING: "Pause or cancel it first.",
    JobState.PAUSED: "`orchestrator resume {id}` goes on with it.",
    JobState.COMPLETED: "Its video is made; submit it anew to make it again.",
    JobState.FAILED: "`orchestrator resume {id}` goes on with what is missing.",
    JobState.CANCELLED: "`orchestrator resume {id}` goes on with it all the same.",
}
