"""Reads the chunk records of a job from storage."""

from collections.abc import Mapping

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
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
    return record if await is_stored(storage, chunk_output(chunk, key), record.artifact) else None


async def is_stored(storage: ArtifactStorage, key: str, artifact: Artifact) -> bool:
    """Return whether an object has the size and, if known, the digest of an artifact."""
    found = await storage.stat(key)
    return (
        found is not None
        and found.bytes == artifact.bytes
        and found.sha256 in (None, artifact.sha256)
    )


async def read_if_valid(storage: ArtifactStorage, key: str, *, limit: int) -> bytes | None:
    """Return an object's bytes; None if it is missing, damaged or larger than `limit` bytes."""
    try:
        return await storage.get_bytes(key, limit=limit)
    except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
        return None


async def read_record(storage: ArtifactStorage, chunk: RenderChunk, key: str) -> ChunkRecord | None:
    """Return a chunk's record; None if there is none or it isn't valid."""
    data = await read_if_valid(storage, chunk_record(chunk, key), limit=MAX_RECORD_BYTES)
    return None if data is None else ChunkRecord.parse(data)


async def read_records(storage: ArtifactStorage, spec: JobSpec) -> Mapping[int, ChunkRecord]:
    """Return the records of all chunks of a job, by their ids.

    Raises `ArtifactNotFound`, which names the missing chunks.
    """

    async def read(chunk: RenderChunk) -> ChunkRecord | None:
        return await read_record(storage, chunk, chunk_key(spec, chunk))

    ids = [chunk.id for chunk in spec.chunks]
    found = dict(zip(ids, await map_limited(read, spec.chunks, limit=RECORDS_AT_ONCE), strict=True))
    if missing := [id_ for id_, record in found.items() if record is None]:
        raise missing_chunks(missing, len(ids))
    return {id_: record for id_, record in found.items() if record is not None}


def missing_chunks(ids: list[int], total: int) -> ArtifactNotFound:
    """Return the error for chunks that aren't in storage."""
    named = ", ".join(map(str, sorted(ids)[:_MAX_NAMED]))
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    return ArtifactNotFound(
        f"merge: {len(ids)} of {total} chunks are missing: {named}{more}",
        hint="Render them first; workers of another version use other keys.",
    )
