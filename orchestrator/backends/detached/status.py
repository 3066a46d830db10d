"""How far a detached render is: counted from what workers left in storage."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.messages.page_message import PageMessage
from helios.records.chunk_index import JobIndex, page_problems
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.records.job_outcome import FailedChunk, JobOutcome
from helios.records.stored_records import read_record
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import Execution
from orchestrator.clouds.log_query import LogQuery, requests_of
from orchestrator.model.job_state import JobState

#: Records that are read at the same time.
RECORDS_AT_ONCE = 16
#: Chunks whose page problems a status has.
MAX_PROBLEM_CHUNKS = 8


@dataclass(frozen=True, slots=True)
class ChunkProblems:
    """Errors and warnings that the page of a chunk logged or threw."""

    chunk_id: int
    messages: Sequence[PageMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderStatus:
    """A detached render at one moment."""

    #: What its engine says of it.
    execution: Execution
    spec: JobSpec
    #: Ids of the chunks that are in storage.
    done: frozenset[int]
    #: How it ended; None while it runs, and for the moment until that is recorded.
    outcome: JobOutcome | None = None
    #: What pages of its chunks logged or threw: of the first `MAX_PROBLEM_CHUNKS` that did, where
    #: that was looked up.
    page_problems: Sequence[ChunkProblems] = ()
    #: Number of chunks whose pages did.
    problem_chunks: int = 0

    @property
    def id(self) -> str:
        """The render's id."""
        return self.execution.job_id

    @property
    def state(self) -> JobState:
        """Where it stands."""
        return self.execution.state

    @property
    def chunks_total(self) -> int:
        """Number of its chunks."""
        return len(self.spec.chunks)

    @property
    def frames_total(self) -> int:
        """Number of frames of all chunks."""
        return sum(chunk.frame_count for chunk in self.spec.chunks)

    @property
    def frames_done(self) -> int:
        """Number of frames of the chunks that are done."""
        return sum(chunk.frame_count for chunk in self.spec.chunks if chunk.id in self.done)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""
        return self.execution.ended_at or (self.outcome.ended_at if self.outcome else None)

    @property
    def output(self) -> Artifact | None:
        """The video, if there is one."""
        recorded = self.outcome.output if self.outcome else None
        return recorded or self.execution.output

    @property
    def error(self) -> ErrorRecord | None:
        """Why there is no video."""
        recorded = self.outcome.error if self.outcome else None
        return recorded or self.execution.error

    @property
    def failed_chunks(self) -> Sequence[FailedChunk]:
        """Chunks that failed for good."""
        return self.outcome.failed_chunks if self.outcome else ()


def log_query(status: RenderStatus, artifacts: str, *, chunk_id: int | None = None) -> LogQuery:
    """Return what selects the log lines of a render, or of one of its chunks."""
    failed = [each.error for each in status.failed_chunks if chunk_id in (None, each.chunk_id)]
    return LogQuery(
        job_path=f"{artifacts.rstrip('/')}/jobs/{status.id}/job.json",
        chunk_id=chunk_id,
        since=status.execution.started_at,
        until=status.ended_at,
        requests=requests_of(error.message for error in failed),
        execution=status.execution.name.rpartition("/")[2],
    )


async def problems_in(storage: ArtifactStorage, index: JobIndex) -> list[ChunkProblems]:
    """Return what pages of the first chunks with problems logged or threw."""
    entries = [entry for entry in index.entries.values() if entry.has_problems]
    entries = sorted(entries, key=lambda entry: entry.chunk_id)[:MAX_PROBLEM_CHUNKS]
    found = await asyncio.gather(*(page_problems(storage, entry) for entry in entries))
    return [
        ChunkProblems(entry.chunk_id, messages)
        for entry, messages in zip(entries, found, strict=True)
    ]


async def records_in(
    storage: ArtifactStorage, spec: JobSpec, ids: Collection[int]
) -> list[ChunkRecord]:
    """Return the records of chunks in a job's folder, as far as they are there.

    They come in the order in which the chunks were done.
    """

    async def read(chunk: RenderChunk) -> ChunkRecord | None:
        return await read_record(storage, chunk, chunk_key(spec, chunk))

    found = await map_limited(read, map(spec.chunk, ids), limit=RECORDS_AT_ONCE)
    records = [record for record in found if record is not None]
    return sorted(records, key=lambda record: record.ended_at)
