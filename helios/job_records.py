"""The records of all chunks of a job in storage."""

import asyncio
from collections.abc import Mapping

from helios.chunk_record import ChunkRecord, chunk_key
from helios.chunk_work import read_record
from helios.errors import ArtifactNotFound
from helios.job_spec import JobSpec, RenderChunk
from helios.storage import ArtifactStorage

#: Records that are read at once; each is a small file.
RECORDS_AT_ONCE = 32
#: Missing chunks that an error names.
_MAX_NAMED = 50


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
    """Return the error that names chunks which aren't in storage."""
    named = ", ".join(map(str, sorted(ids)[:_MAX_NAMED]))
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    return ArtifactNotFound(
        f"merge: {len(ids)} of {total} chunks are missing: {named}{more}",
        hint="Render them first; workers of another version look for other files.",
    )
