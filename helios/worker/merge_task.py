"""Merges a job: fetches all chunks, joins them, stores the video."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from helios.contract.artifact import Artifact
from helios.contract.command import format_command, parse_command
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.merge_command import MergeCommand, merged_name
from helios.contract.worker_job import WorkerResult
from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    HeliosError,
    MergeFailed,
    PayloadTooLarge,
    StorageInvalid,
)
from helios.media.image_archive import pack_images, unpacking
from helios.records.chunk_record import (
    MAX_RECORD_BYTES,
    ChunkRecord,
    MergeRecord,
    chunk_key,
    merge_key,
)
from helios.records.job_layout import (
    JobFolder,
    chunk_output,
    is_packed,
    merge_record,
    record_beside,
)
from helios.records.stored_records import missing_chunks, read_records
from helios.storage import ArtifactStorage
from helios.worker.delivery import deliver
from helios.worker.seam_task import ProvenJob, prove_seams
from helios.worker.task_context import TaskContext

#: Chunk outputs that are fetched at once.
FETCHES_AT_ONCE = 8

_Records = Mapping[int, ChunkRecord]


async def merge_job(context: TaskContext) -> WorkerResult:
    """Make sure that a job's output is in storage, and return where it is.

    Raises
    ------
    ArtifactNotFound
        Chunks are missing; the message names them.
    ArtifactCorrupt
        A chunk's output isn't what its record says.
    SeamDiffers
        Chunks draw a frame differently, also after they were rendered again.
    MergeFailed
        The merge command left no file that could be its output.
    HeliosError
        Assets or chunks can't be had, they can't be joined, or the output can't be stored.
    """
    storage, folder = context.storage, context.folder
    if storage is None or folder is None:
        raise StorageInvalid(
            "merge: nothing says where the chunks are",
            hint="Give the job spec an outputUrl, or the worker HELIOS_ARTIFACTS.",
        )
    with context.stopwatch.measure("records"):
        records = await read_records(storage, context.spec)
    proven = await prove_seams(context, storage, records)
    result = await deliver(proven.context, await _merge(proven, storage, folder))
    said = f"{_told_of(proven.healed)}{result.stdout}"
    return replace(result, stdout=said, stderr=f"{proven.warning}{result.stderr}")


def _told_of(healed: list[int]) -> str:
    chunks = "1 chunk" if len(healed) == 1 else f"{len(healed)} chunks"
    return f"{chunks} rendered again for the seams, with every frame visited\n" if healed else ""


async def _merge(proven: ProvenJob, storage: ArtifactStorage, folder: JobFolder) -> WorkerResult:
    context, records = proven.context, proven.records
    key = merge_key(context.spec, {id_: _digest(record) for id_, record in records.items()})
    done = await _stored_output(storage, key)
    if done is not None:
        context.log.info("merge.reused", url=done.artifact.url)
        return WorkerResult(
            exit_code=0, stdout="merge: already in storage\n", artifact=done.artifact
        )
    if _is_too_much(context, records):
        return await _join_in_storage(proven, storage, folder, key=key)
    outputs = [chunk.output_file for chunk in context.spec.chunks]
    has_command = bool(context.spec.merge_command.strip())
    async with context.workspace(outputs, needs_assets=has_command) as workspace:
        with context.stopwatch.measure("fetch"):
            await _fetch_all(context, storage, records, workspace)
        result, output = await _join(context, workspace)
        if output is None:
            return result
        with context.stopwatch.measure("check"):
            frames = await _check(context.spec, output, records)
        with context.stopwatch.measure("store"):
            output = await asyncio.to_thread(_as_file, output)
            name = folder.output(output.name)
            artifact = await storage.put_file(name, output)
        await _record(proven, storage, artifact, name=name, key=key, frames=frames)
    return replace(result, artifact=artifact)


def _is_too_much(context: TaskContext, records: _Records) -> bool:
    """Tell whether chunks need more room than there is, and can be joined in storage."""
    resources = context.resources
    room = resources.merge_bytes
    if room is None:
        # They are fetched, and the video is as large as they are.
        room = shutil.disk_usage(resources.workspaces).free // 2
    size = sum(record.artifact.bytes or 0 for record in records.values())
    if size <= room:
        return False
    from helios.stitcher.storage_stitcher import fault_of  # noqa: PLC0415 - few jobs are so large

    return fault_of(context.spec, merged_name(context.spec)) is None


async def _join_in_storage(
    proven: ProvenJob, storage: ArtifactStorage, folder: JobFolder, *, key: str
) -> WorkerResult:
    """Have the storage join the chunks, with the sound that is made here."""
    from helios.stitcher.storage_stitcher import merge_in_storage  # noqa: PLC0415

    context, records = proven.context, proven.records
    spec = context.spec
    name = merged_name(spec)
    sound = f"sound{PurePosixPath(name).suffix}"
    command = MergeCommand.of(spec.merge_command)
    words = command.audio_command(sound, {c.output_file for c in spec.chunks}) if command else []
    async with context.workspace([sound], needs_assets=bool(words)) as workspace:
        result = WorkerResult(exit_code=0, stdout=f"{len(records)} chunks joined in storage\n")
        if words:
            made = await context.run_command(format_command(words), workspace=workspace)
            if made.exit_code != 0:
                return made
        with context.stopwatch.measure("store"):
            artifact = await merge_in_storage(
                storage, spec, records, output=folder.output(name), sound=workspace / sound
            )
    frames = spec.metadata.total_frames
    await _record(proven, storage, artifact, name=folder.output(name), key=key, frames=frames)
    return replace(result, artifact=artifact)


def _digest(record: ChunkRecord) -> str:
    return record.artifact.sha256 or ""


async def _stored_output(storage: ArtifactStorage, key: str) -> MergeRecord | None:
    try:
        data = await storage.get_bytes(merge_record(key), limit=MAX_RECORD_BYTES)
    except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
        return None
    record = MergeRecord.parse(data)
    if record is None:
        return None
    found = await storage.stat(record.name)
    if found is None or found.bytes != record.artifact.bytes:
        return None
    return None if found.sha256 not in (None, record.artifact.sha256) else record


async def _fetch_all(
    context: TaskContext, storage: ArtifactStorage, records: _Records, workspace: Path
) -> None:
    limit = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def one(chunk: RenderChunk) -> None:
        async with limit:
            await _fetch(context, storage, chunk, records[chunk.id], workspace)

    try:
        async with asyncio.TaskGroup() as group:
            for chunk in context.spec.chunks:
                group.create_task(one(chunk))
    except* HeliosError as faults:
        raise _first(faults) from None


async def _fetch(
    context: TaskContext,
    storage: ArtifactStorage,
    chunk: RenderChunk,
    record: ChunkRecord,
    workspace: Path,
) -> None:
    target = workspace / chunk.output_file
    name = chunk_output(chunk, chunk_key(context.spec, chunk))
    try:
        async with unpacking(target, packed=is_packed(chunk)) as path:
            await storage.get_file(name, path, sha256=record.artifact.sha256)
    except ArtifactNotFound as fault:
        raise missing_chunks([chunk.id], len(context.spec.chunks)) from fault
    except ArtifactCorrupt as fault:
        # Without a record it is rendered again when the job is resumed.
        await storage.delete(record_beside(name))
        raise ArtifactCorrupt(
            f"merge: chunk {chunk.id} isn't what its record says: {fault.message}",
            hint="Render the chunk again, then merge.",
        ) from fault


def _first(faults: BaseExceptionGroup[HeliosError]) -> HeliosError:
    found: BaseException = faults
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, HeliosError)  # noqa: S101 - only such errors are in the group
    return found


async def _join(context: TaskContext, workspace: Path) -> tuple[WorkerResult, Path | None]:
    """Join the chunks, and return where the output is; None if that failed."""
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

    output = workspace / f"video{inputs[0].suffix}"
    with context.stopwatch.measure("command"):
        await FfmpegStitcher().stitch(inputs, output)
    return WorkerResult(exit_code=0, stdout=f"{len(inputs)} chunks joined\n"), output


def _files(workspace: Path) -> set[Path]:
    """Return the files in a workspace and beside it, without those behind links (the assets)."""
    return {
        Path(folder, name)
        for folder, _, names in os.walk(workspace.parent, followlinks=False)
        for name in names
        if not Path(folder, name).is_symlink()
    }


def _written(command: str, workspace: Path, new: set[Path]) -> Path:
    """Return the file that a merge command wrote: the one it names, or the only new one."""
    own = MergeCommand.of(command)
    named = parse_command(command)[-1] if own is None else own.output
    # What a command names elsewhere on this machine is none of the job's files.
    path = Path(os.path.normpath(workspace / named))
    if path in new:
        return path
    if len(new) == 1:
        return next(iter(new))
    raise MergeFailed(
        f"merge: the command left {len(new)} new files in the job's folder, none of them {named!r}",
        hint="Write `helios merge OUTPUT INPUTS...`, or a command that leaves one new file.",
        retryable=False,
    )


async def _check(spec: JobSpec, output: Path, records: _Records) -> int:
    """Make sure that the output is whole and its seams are right; return its number of frames."""
    # Needs ffmpeg and what reads files; an output that is there already needs neither.
    from helios.stitcher.chunk_check import check_output  # noqa: PLC0415
    from helios.stitcher.seam_check import check_merge  # noqa: PLC0415

    frames = await check_output(output)
    if not await asyncio.to_thread(output.is_dir):
        ends = {id_: record.ends for id_, record in records.items() if record.ends is not None}
        await check_merge(output, spec, ends)
    return frames


async def _record(
    proven: ProvenJob,
    storage: ArtifactStorage,
    artifact: Artifact,
    *,
    name: str,
    key: str,
    frames: int,
) -> None:
    context = proven.context
    record = MergeRecord.model_validate(
        {
            **context.record_fields(),
            "artifact": artifact,
            "key": key,
            "name": name,
            "chunks": len(context.spec.chunks),
            "frames": frames,
            "healed": proven.healed,
        }
    )
    await storage.put_bytes(merge_record(key), record.to_bytes())
    context.log.info(
        "merge.stored",
        url=artifact.url,
        bytes=artifact.bytes,
        timings=context.stopwatch.timings,
    )


def _as_file(output: Path) -> Path:
    if not output.is_dir():
        return output
    packed = output.with_name(f"{output.name}.tar")
    pack_images(output, packed)
    return packed
