"""Renders, checks and stores one chunk, unless it is in storage already."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.invocation import Invocation
from helios.contract.job_spec import RenderChunk
from helios.contract.messages.output_tail import cut_output
from helios.contract.messages.page_message import PageMessage
from helios.contract.worker_job import WorkerResult
from helios.errors import (
    ChunkOutputInvalid,
    CostLimitReached,
    HeliosError,
    report,
)
from helios.media.image_archive import pack_images
from helios.records.boundary_frames import BOUNDARY_VARIABLE, BoundaryFrames, boundary_beside
from helios.records.chunk_index import add_to_index
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.records.chunk_trace import TRACE_VARIABLE, ChunkTrace, trace_beside
from helios.records.encoded_ends import EncodedEnds
from helios.records.job_layout import (
    chunk_boundary,
    chunk_output,
    chunk_record,
    chunk_trace,
    is_packed,
    names_video,
)
from helios.records.page_problems import PageProblems
from helios.records.stored_records import stored_chunk
from helios.storage import ArtifactStorage
from helios.worker.task_context import TaskContext


async def render_chunk(context: TaskContext, chunk: RenderChunk) -> WorkerResult:
    """Make sure that a chunk's output is in storage, and return its artifact.

    Raises `HeliosError` if assets can't be fetched, or the output can't be stored.
    """
    storage = context.storage
    if storage is not None:
        record = await stored_chunk(storage, context.spec, chunk)
        if record is not None:
            context.log.info("chunk.reused", url=record.artifact.url)
            await _store_by_name(context, chunk, storage)
            await add_to_index(storage, record)
            return _reused(record, chunk)
    _check_cost(context.invocation)
    async with context.workspace([chunk.output_file]) as workspace:
        boundary_file = boundary_beside(chunk.output_file)
        trace_folder = trace_beside(chunk.output_file)
        env = {TRACE_VARIABLE: trace_folder}
        if context.spec.seams != "off":
            env[BOUNDARY_VARIABLE] = boundary_file
        problems = PageProblems(context.on_output)
        result = await context.run_command(
            chunk.command, workspace=workspace, env=env, on_output=problems
        )
        if result.exit_code != 0:
            return result
        try:
            with context.stopwatch.measure("check"):
                # Imported here, as a chunk that is already in storage isn't checked.
                from helios.stitcher.chunk_check import check_chunk_output  # noqa: PLC0415

                ends = await check_chunk_output(context.spec, chunk, workspace, only_groups=True)
        except ChunkOutputInvalid as fault:
            return _refused(result, fault)
        if storage is None:
            context.log.warning(
                "chunk.not_stored",
                message="the chunk is not stored: the spec has no outputUrl, and "
                "HELIOS_ARTIFACTS is not set",
            )
            return result
        # If another worker has stored the chunk meanwhile, its output and record are kept.
        other = await stored_chunk(storage, context.spec, chunk)
        if other is not None:
            context.log.info("chunk.overtaken", url=other.artifact.url)
            await add_to_index(storage, other)
            return replace(result, artifact=other.artifact)
        output = workspace / chunk.output_file
        boundary = workspace / boundary_file if BOUNDARY_VARIABLE in env else None
        artifact = await _store(
            context,
            chunk,
            output,
            storage,
            ends=ends,
            boundary=boundary,
            trace=workspace / trace_folder,
            page_problems=problems.messages,
        )
    return replace(result, artifact=artifact)


def _check_cost(invocation: Invocation) -> None:
    if invocation.stop_at is not None and datetime.now(UTC) >= invocation.stop_at:
        raise CostLimitReached(
            "the render may have reached its cost limit",
            hint="Finished chunks are kept: `orchestrator resume ID --max-cost USD` continues.",
        )


def _reused(record: ChunkRecord, chunk: RenderChunk) -> WorkerResult:
    return WorkerResult(
        exit_code=0,
        stdout=f"chunk {chunk.id}: already in storage, {record.frames} frames\n",
        artifact=record.artifact,
    )


def _refused(result: WorkerResult, fault: HeliosError) -> WorkerResult:
    """Return the failure of a command with an invalid output; its stderr may explain it."""
    stderr = "\n".join(filter(None, (result.stderr.rstrip("\n"), report(fault))))
    return replace(
        result,
        exit_code=fault.exit_code,
        stderr=cut_output(f"{stderr}\n"),
        error=ErrorRecord.of(fault),
    )


async def _store_by_name(
    context: TaskContext, chunk: RenderChunk, storage: ArtifactStorage
) -> None:
    """Copy a stored video to its `outputFile`, if the spec asks for it."""
    if context.spec.store_output_files and names_video(chunk.output_file):
        name = PurePosixPath(chunk.output_file).as_posix()
        await storage.copy(chunk_output(chunk, chunk_key(context.spec, chunk)), name)


async def _store(
    context: TaskContext,
    chunk: RenderChunk,
    output: Path,
    storage: ArtifactStorage,
    *,
    ends: EncodedEnds | None,
    boundary: Path | None,
    trace: Path,
    page_problems: list[PageMessage],
) -> Artifact:
    key = chunk_key(context.spec, chunk)
    stored = output
    with context.stopwatch.measure("store"):
        if is_packed(chunk):
            stored = output.with_name(f".{chunk.id}-{key}.tar")
            await asyncio.to_thread(pack_images, output, stored)
        storing: list[Awaitable[Artifact]] = [storage.put_file(chunk_output(chunk, key), stored)]
        frames = None
        if boundary is not None:
            frames = await asyncio.to_thread(BoundaryFrames.load, boundary)
        if boundary is not None and frames is not None:
            storing.append(storage.put_file(chunk_boundary(chunk, key), boundary))
        traced = await asyncio.to_thread(ChunkTrace.read, trace, start=chunk.start_frame)
        if traced.spans:
            storing.append(storage.put_bytes(chunk_trace(chunk, key), traced.to_bytes()))
        artifact, *_ = await asyncio.gather(*storing)
    record = ChunkRecord.model_validate(
        {
            **context.record_fields(),
            "artifact": artifact,
            "chunk_id": chunk.id,
            "key": key,
            "start_frame": chunk.start_frame,
            "frame_count": chunk.frame_count,
            # As the check has confirmed.
            "frames": chunk.frame_count,
            "ends": ends,
            "boundary": frames,
            "page_problems": page_problems,
        }
    )
    await _store_by_name(context, chunk, storage)
    await storage.put_bytes(chunk_record(chunk, key), record.to_bytes())
    await add_to_index(storage, record)
    context.log.info(
        "chunk.stored",
        url=artifact.url,
        bytes=artifact.bytes,
        frames=chunk.frame_count,
        timings=context.stopwatch.timings,
    )
    return artifact
