"""Reads the chunk records of a job from storage."""

import asyncio
from collections.abc import Mapping

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import ArtifactCorrupt, ArtifactNotFound, PayloadTooLarge
from helios.records.chunk_record import MAX_RECORD_BYTES, ChunkRecord, chunk_key
from helios.records.job_layout import chunk_output, chunk_record
from helios.storage import ArtifactStorage

#: Records that are read at the same time.
RECORDS_AT_ONCE = 32
#: Limit of missing chunks that an error names.
_MAX_NAMED = 50


async def stored_chunk(
    storage: ArtifactStorage, spec: JobSpec, chunk: RenderChunk
) -> ChunkRecord | None:
    """Return the record of a chunk whose output is complete in storage; None if it isn't."""
    key = chunk_key(spec, chunk)
    record = await read_record(storage, chunk, key)
    if record is None:
        return None
    found = await storage.stat(chunk_output(chunk, key))
    if found is None or found.bytes != record.artifact.bytes:
        return None
    return None if found.sha256 not in (None, record.artifact.sha256) else record


async def read_record(storage: ArtifactStorage, chunk: RenderChunk, key: str) -> ChunkRecord | None:
    """Return a chunk's record; None if there is none or it isn't valid."""
    try:
        data = await storage.get_bytes(chunk_record(chunk, key), limit=MAX_RECORD_BYTES)
    except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
        return None
    return ChunkRecord.parse(data)


async def read_records(storage: ArtifactStorage, spec: JobSpec) -> Mapping[int, ChunkRecord]:
    """Return the records of all chunks of a job, by their ids.

    Raises
    ------
    ArtifactNotFound
        Chunks are missing; the message names them.
    """
    limit = asyncio.Semaphore(RECORDS_AT_ONCE)

    async def one(chunk: RenderChunk) -> ChunkRecord | None:
        async with limit:
            return await read_record(storage, chunk, chunk_key(spec, chunk))

    chunks = spec.chunks
    found = await asyncio.gather(*map(one, chunks))
    missing = [chunk.id for chunk, record in zip(chunks, found, strict=True) if record is None]
    if missing:
        raise missing_chunks(missing, len(chunks))
    return {
        chunk.id: record for chunk, record in zip(chunks, found, strict=True) if record is not None
    }


def missing_chunks(ids: list[int], total: int) -> ArtifactNotFound:
    """Return the error for chunks that aren't in storage."""
    named = ", ".join(map(str, sorted(ids)[:_MAX_NAMED]))
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    return ArtifactNotFound(
        f"merge: {len(ids)} of {total} chunks are missing: {named}{more}",
        hint="Render them first; workers of another version use other keys.",
    )
