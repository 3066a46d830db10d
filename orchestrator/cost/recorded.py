"""The resources that a render used, by the records of its workers."""

from collections.abc import Sequence

from helios.records.chunk_record import MAX_RECORD_BYTES, ChunkRecord, MergeRecord
from helios.records.job_layout import MERGE_RECORDS
from helios.records.stored_records import read_if_valid
from helios.storage import ArtifactStorage
from orchestrator.cost.cost import Usage

_MS = 1000


def recorded_usage(
    chunks: Sequence[ChunkRecord], merges: Sequence[MergeRecord], *, detached: bool
) -> Usage:
    """Add up what workers recorded of a render, which was detached or not.

    Of attempts that failed nothing is recorded but their number; they count as long as the last
    one. What a worker takes to start isn't recorded either.
    """
    return Usage(
        chunks=len(chunks),
        invocations=sum(record.attempt for record in chunks),
        chunk_seconds=sum(record.attempt * record.duration_ms for record in chunks) / _MS,
        merge_seconds=sum(record.attempt * record.duration_ms for record in merges) / _MS,
        detached=detached,
        chunk_bytes=sum(record.artifact.bytes or 0 for record in chunks),
        output_bytes=sum(record.artifact.bytes or 0 for record in merges[-1:]),
    )


async def merges_in(storage: ArtifactStorage) -> list[MergeRecord]:
    """Return the records of a job's merges, the latest one last."""
    found = []
    for file in await storage.list(MERGE_RECORDS):
        data = await read_if_valid(storage, file.key, limit=MAX_RECORD_BYTES)
        record = None if data is None else MergeRecord.parse(data)
        found += [] if record is None else [record]
    return sorted(found, key=lambda record: record.started_at)
