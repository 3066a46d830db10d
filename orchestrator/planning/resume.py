"""Finds existing chunks of a job, and removes those that are rendered again."""

import contextlib
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import ChunkOutputInvalid, JobSpecInvalid, JobSpecNotFound
from helios.output import part_pattern
from helios.records.boundary_frames import boundary_beside
from helios.records.chunk_trace import trace_beside
from helios.records.input_manifest import manifest_beside
from helios.stitcher.chunk_check import check_chunk_output

#: Chunk outputs that are looked at at once.
CHECKS_AT_ONCE = 4
#: Names of chunks of incremental renders, of their notes, and of what is half-written of either.
_OWN_NAME = re.compile(r"\.?[0-9a-f]{16}\.[\w.]+")


async def whole_chunks(spec: JobSpec, job_dir: Path) -> set[int]:
    """Return the ids of the chunks whose outputs exist in the job's folder, intact and by the spec.

    A chunk's file appears under its name only when it is whole; the check finds what was damaged
    or left by another job since.
    """

    async def is_whole(chunk: RenderChunk) -> bool:
        if not (job_dir / chunk.output_file).exists():
            return False
        try:
            await check_chunk_output(spec, chunk, job_dir)
        except ChunkOutputInvalid:
            return False
        return True

    found = await map_limited(is_whole, spec.chunks, limit=CHECKS_AT_ONCE)
    return {chunk.id for chunk, whole in zip(spec.chunks, found, strict=True) if whole}


def earlier_job(spec: JobSpec, job_file: Path) -> JobSpec | None:
    """Return the job in a job's folder, if it is this very plan, so that its chunks may be kept.

    It may have another id, and have done something else about its seams.
    """
    try:
        earlier = JobSpec.load(job_file)
    except (JobSpecNotFound, JobSpecInvalid):
        return None
    changed = {} if spec.id is None and earlier.id is None else {"id": spec.id}
    renamed = earlier.model_copy(update={**changed, "seam_check": None})
    if renamed.to_json() != spec.model_copy(update={"seam_check": None}).to_json():
        return None
    if earlier.seam_check == spec.seam_check:
        return earlier
    return earlier.model_copy(update={"seam_check": spec.seam_check})


def forget_chunks(spec: JobSpec, job_dir: Path, *, only: Collection[int] | None = None) -> None:
    """Remove the outputs of chunks that are about to be rendered again.

    Stopped half-way, a later `--resume` then can't take an older run's chunks for this one's.
    Folders stay, since they may contain other files.
    """
    for chunk in spec.chunks:
        if only is None or chunk.id in only:
            shutil.rmtree(job_dir / trace_beside(chunk.output_file), ignore_errors=True)
            for name in _files_of(chunk):
                with contextlib.suppress(OSError):
                    (job_dir / name).unlink()


def forget_parts(spec: JobSpec, job_dir: Path) -> None:
    """Remove what a killed process left half-written of chunk outputs; the job is locked."""
    outputs = [job_dir / chunk.output_file for chunk in spec.chunks]
    names = {output.name[:80] for output in outputs}
    for folder in {output.parent for output in outputs}:
        # Looked through once, however many chunks there are.
        for path in folder.glob(".*.part"):
            if path.name[1:].rsplit(".", 2)[0] in names:
                shutil.rmtree(path, ignore_errors=True)


def remove_outputs(spec: JobSpec, job_dir: Path) -> None:
    """Remove all that a job's chunks wrote, whole or half, and folders that are empty then."""
    outputs = [job_dir / name for chunk in spec.chunks for name in _files_of(chunk)]
    for output in outputs:
        for path in (output, *output.parent.glob(part_pattern(output))):
            _remove(path)
    for folder in {output.parent for output in outputs}:
        with contextlib.suppress(OSError):
            folder.rmdir()


def forget_unused(spec: JobSpec, job_dir: Path) -> None:
    """Remove chunks of earlier incremental renders that a job doesn't use."""
    used = {job_dir / name for chunk in spec.chunks for name in _files_of(chunk)}
    for folder in {path.parent for path in used}:
        for path in folder.iterdir():
            if path not in used and _OWN_NAME.fullmatch(path.name):
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it; nothing if it isn't there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _files_of(chunk: RenderChunk) -> tuple[str, ...]:
    output = chunk.output_file
    return output, manifest_beside(output), boundary_beside(output), trace_beside(output)
