"""Merges chunks in a workspace: fetches them, stitches them, checks and stores the video."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.command import parse_command
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.merge_command import MergeCommand
from helios.contract.worker_job import WorkerResult
from helios.errors import ArtifactCorrupt, ArtifactNotFound, MergeFailed
from helios.media.image_archive import pack_images, unpacking
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.records.job_layout import chunk_output, is_packed, record_beside
from helios.records.stored_records import missing_chunks
from helios.worker.merge.merged_output import MergedOutput
from helios.worker.task_context import TaskContext

#: Chunk outputs that are fetched at the same time.
FETCHES_AT_ONCE = 8


async def merge_in_workspace(output: MergedOutput) -> WorkerResult:
    """Merge the chunks on this machine, and store the result and its record."""
    context = output.context
    files = [chunk.output_file for chunk in context.spec.chunks]
    has_command = bool(context.spec.merge_command.strip())
    async with context.workspace(files, needs_assets=has_command) as workspace:

        async def fetch(chunk: RenderChunk) -> None:
            await _fetch(output, chunk, workspace)

        with context.stopwatch.measure("fetch"):
            await map_limited(fetch, context.spec.chunks, limit=FETCHES_AT_ONCE)
        result, video = await _stitch(context, workspace)
        if video is None:
            return result
        with context.stopwatch.measure("check"):
            frames = await _check(context.spec, video, output.records)
        with context.stopwatch.measure("store"):
            video = await asyncio.to_thread(_as_file, video)
            name = output.folder.output(video.name)
            artifact = await output.storage.put_file(name, video)
        await output.record(artifact, name=name, frames=frames)
    return replace(result, artifact=artifact)


async def _fetch(output: MergedOutput, chunk: RenderChunk, workspace: Path) -> None:
    spec, storage = output.context.spec, output.storage
    name = chunk_output(chunk, chunk_key(spec, chunk))
    try:
        async with unpacking(workspace / chunk.output_file, packed=is_packed(chunk)) as path:
            await storage.get_file(name, path, sha256=output.records[chunk.id].artifact.sha256)
    except ArtifactNotFound as fault:
        raise missing_chunks([chunk.id], len(spec.chunks)) from fault
    except ArtifactCorrupt as fault:
        # A chunk without a record is rendered again when the job is resumed.
        await storage.delete(record_beside(name))
        raise ArtifactCorrupt(
            f"merge: chunk {chunk.id} differs from its record: {fault.message}",
            hint="Render the chunk again, then merge.",
        ) from fault


async def _stitch(context: TaskContext, workspace: Path) -> tuple[WorkerResult, Path | None]:
    """Stitch the chunks; return the result, and the video unless the merge command failed."""
    spec = context.spec
    if spec.merge_command.strip():
        before = await asyncio.to_thread(_files, workspace)
        result = await context.run_command(spec.merge_command, workspace=workspace)
        if result.exit_code != 0:
            return result, None
        after = await asyncio.to_thread(_files, workspace)
        return result, _written(spec.merge_command, workspace, after - before)
    inputs = [workspace / chunk.output_file for chunk in spec.chunks_by_frame()]
    if len(inputs) == 1:
        return WorkerResult(exit_code=0), inputs[0]
    from helios.stitcher import FfmpegStitcher  # noqa: PLC0415 - few merges have no command

    video = workspace / f"video{inputs[0].suffix}"
    with context.stopwatch.measure("command"):
        await FfmpegStitcher().stitch(inputs, video)
    return WorkerResult(exit_code=0, stdout=f"{len(inputs)} chunks joined\n"), video


def _files(workspace: Path) -> set[Path]:
    """Return the files in a workspace and beside it, but not assets, which are links."""
    return {
        Path(folder, name)
        for folder, _, names in os.walk(workspace.parent, followlinks=False)
        for name in names
        if not Path(folder, name).is_symlink()
    }


def _written(command: str, workspace: Path, new: set[Path]) -> Path:
    """Return the output of a merge command: the file that it names, or the only new file."""
    own = MergeCommand.of(command)
    named = parse_command(command)[-1] if own is None else own.output
    # Paths outside the job's folder aren't among the new files.
    path = Path(os.path.normpath(workspace / named))
    if path in new:
        return path
    if len(new) == 1:
        return next(iter(new))
    raise MergeFailed(
        f"merge: the command wrote {len(new)} new files to the job's folder, but not {named!r}",
        hint="Use `helios merge OUTPUT INPUTS...`, or a command that writes one new file.",
        retryable=False,
    )


async def _check(spec: JobSpec, video: Path, records: Mapping[int, ChunkRecord]) -> int:
    """Check that the video is complete and that its seams are right; return its frames."""
    # Imported here, as an output that is already in storage isn't checked.
    from helios.stitcher.chunk_check import check_output  # noqa: PLC0415
    from helios.stitcher.seam_check import check_merge  # noqa: PLC0415

    frames = await check_output(video)
    if not await asyncio.to_thread(video.is_dir):
        ends = {id_: record.ends for id_, record in records.items() if record.ends is not None}
        await check_merge(video, spec, ends)
    return frames


def _as_file(video: Path) -> Path:
    if not video.is_dir():
        return video
    packed = video.with_name(f"{video.name}.tar")
    pack_images(video, packed)
    return packed
