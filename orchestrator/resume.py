"""Which chunks of a job are already rendered."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from helios.errors import ChunkOutputInvalid
from helios.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.stitcher.check import check_chunk_outputs

#: Chunk outputs that are looked at at once.
CHECKS_AT_ONCE = 4


@dataclass(frozen=True)
class _OneChunk:
    metadata: JobMetadata
    chunks: tuple[RenderChunk, ...]


async def whole_chunks(spec: JobSpec, job_dir: Path) -> set[int]:
    """Return the ids of the chunks whose outputs are there, whole, and as the spec says.

    A chunk's file appears under its name only when it is whole; the check finds what was damaged
    or left by another job since.

    Parameters
    ----------
    job_dir:
        Folder that the chunks' `outputFile`s are relative to.
    """
    limit = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def is_whole(chunk: RenderChunk) -> bool:
        if not (job_dir / chunk.output_file).exists():
            return False
        async with limit:
            try:
                await check_chunk_outputs(_OneChunk(spec.metadata, (chunk,)), job_dir)
            except ChunkOutputInvalid:
                return False
        return True

    found = await asyncio.gather(*(is_whole(chunk) for chunk in spec.chunks))
    return {chunk.id for chunk, whole in zip(spec.chunks, found, strict=True) if whole}
