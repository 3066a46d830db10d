"""What a worker does for a chunk: render it, check it, store it; or find that it is there."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from helios.assignment import Assignment
from helios.boundary_frames import BOUNDARY_VARIABLE, BoundaryFrames, boundary_beside
from helios.chunk_ends import ChunkEnds
from helios.chunk_record import MAX_RECORD_BYTES, ChunkRecord, chunk_key
from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    ChunkOutputInvalid,
    HeliosError,
    PayloadTooLarge,
    report,
)
from helios.image_archive import pack_images
from helios.job_folder import chunk_boundary, chunk_output, chunk_record, is_packed
from helios.job_spec import JobMetadata, JobSpec, RenderChunk
from helios.storage import ArtifactStorage
from helios.worker_job import Artifact, ErrorRecord, WorkerResult, cut_output


async def render_chunk(assignment: Assignment, chunk: RenderChunk) -> WorkerResult:
    """Make sure that a chunk's output is in storage, and return where it is.

    Raises
    ------
    HeliosError
        Assets can't be had, or the output can't be stored.
    """
    storage = assignment.storage
    if storage is not None:
        record = await stored_chunk(storage, assignment.spec, chunk)
        if record is not None:
            assignment.log.info("chunk.reused", url=record.artifact.url)
            return _already_there(record, chunk)
    async with assignment.workspace([chunk.output_file]) as workspace:
        note = boundary_beside(chunk.output_file)
        env = None if assignment.spec.seams == "off" else {BOUNDARY_VARIABLE: note}
        result = await assignment.run_command(chunk.command, workspace=workspace, env=env)
        if result.exit_code != 0:
            return result
        try:
            with assignment.stopwatch.measure("check"):
                ends = await _check(assignment.spec, chunk, workspace)
        except ChunkOutputInvalid as fault:
            return _refused(result, fault)
        if storage is None:
            assignment.log.warning(
                "chunk.not_stored",
                message="nothing says where results go: the spec has no outputUrl, "
                "and HELIOS_ARTIFACTS is not set",
            )
            return result
        # Of two workers with one chunk, what the first one stored stays as its record says.
        faster = await stored_chunk(storage, assignment.spec, chunk)
        if faster is not None:
            assignment.log.info("chunk.overtaken", url=faster.artifact.url)
            return replace(result, artifact=faster.artifact)
        output = workspace / chunk.output_file
        boundary = workspace / note if env else None
        artifact = await _store(assignment, chunk, output, storage, ends=ends, boundary=boundary)
    return replace(result, artifact=artifact)


async def stored_chunk(
    storage: ArtifactStorage, spec: JobSpec, chunk: RenderChunk
) -> ChunkRecord | None:
    """Return the record of a chunk whose output is in storage, whole; None if it isn't."""
    key = chunk_key(spec, chunk)
    record = await read_record(storage, chunk, key)
    if record is None:
        return None
    found = await storage.stat(chunk_output(chunk, key))
    if found is None or found.bytes != record.artifact.bytes:
        return None
    return None if found.sha256 not in (None, record.artifact.sha256) else record


async def read_record(storage: ArtifactStorage, chunk: RenderChunk, key: str) -> ChunkRecord | None:
    """Return a chunk's record; None if there is none that could be read."""
    try:
        data = await storage.get_bytes(chunk_record(chunk, key), limit=MAX_RECORD_BYTES)
    except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
        return None
    return ChunkRecord.parse(data)


def _already_there(record: ChunkRecord, chunk: RenderChunk) -> WorkerResult:
    return WorkerResult(
        exit_code=0,
        stdout=f"chunk {chunk.id}: already in storage, {record.frames} frames\n",
        artifact=record.artifact,
    )


def _refused(result: WorkerResult, fault: HeliosError) -> WorkerResult:
    """Return the failure of a command whose output is no good; what it said may tell why."""
    said = "\n".join(filter(None, (result.stderr.rstrip("\n"), report(fault))))
    return replace(
        result,
        exit_code=fault.exit_code,
        stderr=cut_output(f"{said}\n"),
        error=ErrorRecord.of(fault),
    )


@dataclass(frozen=True, slots=True)
class _OneChunk:
    metadata: JobMetadata
    chunks: tuple[RenderChunk, ...]


async def _check(spec: JobSpec, chunk: RenderChunk, workspace: Path) -> ChunkEnds | None:
    # Needs ffmpeg and what reads files; a chunk that is there already needs neither.
    from helios.stitcher.check import check_chunk_outputs  # noqa: PLC0415

    alone = _OneChunk(spec.metadata, (chunk,))
    ends = await check_chunk_outputs(alone, workspace, only_groups=True)
    return ends.get(chunk.id)


async def _store(
    assignment: Assignment,
    chunk: RenderChunk,
    output: Path,
    storage: ArtifactStorage,
    *,
    ends: ChunkEnds | None,
    boundary: Path | None,
) -> Artifact:
    key = chunk_key(assignment.spec, chunk)
    with assignment.stopwatch.measure("store"):
        if is_packed(chunk):
            packed = output.with_name(f".{chunk.id}-{key}.tar")
            await asyncio.to_thread(pack_images, output, packed)
            output = packed
        storing = storage.put_file(chunk_output(chunk, key), output)
        frames = None
        if boundary is not None:
            frames = await asyncio.to_thread(BoundaryFrames.load, boundary)
        if boundary is None or frames is None:
            artifact = await storing
        else:
            artifact, _ = await asyncio.gather(
                storing, storage.put_file(chunk_boundary(chunk, key), boundary)
            )
    record = ChunkRecord.model_validate(
        {
            **assignment.record_fields(),
            "artifact": artifact,
            "chunk_id": chunk.id,
            "key": key,
            "start_frame": chunk.start_frame,
            "frame_count": chunk.frame_count,
            # The check found them all.
            "frames": chunk.frame_count,
            "ends": ends,
            "boundary": frames,
        }
    )
    await storage.put_bytes(chunk_record(chunk, key), record.to_bytes())
    assignment.log.info(
        "chunk.stored",
        url=artifact.url,
        bytes=artifact.bytes,
        frames=chunk.frame_count,
        timings=assignment.stopwatch.timings,
    )
    return artifact
