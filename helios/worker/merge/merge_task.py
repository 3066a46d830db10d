"""Merges a job: proves the seams, and makes the video unless it is in storage already."""

import shutil
from dataclasses import replace

from helios.contract.merge_command import merged_name
from helios.contract.worker_job import WorkerResult
from helios.errors import StorageInvalid
from helios.records.chunk_record import MAX_RECORD_BYTES, MergeRecord, merge_key
from helios.records.job_layout import merge_record
from helios.records.stored_records import is_stored, read_if_valid, read_records
from helios.storage import ArtifactStorage
from helios.worker.merge.delivery import deliver
from helios.worker.merge.merged_output import MergedOutput
from helios.worker.merge.seam_task import ProvenJob, prove_seams
from helios.worker.merge.workspace_merge import merge_in_workspace
from helios.worker.task_context import TaskContext


async def merge_job(context: TaskContext) -> WorkerResult:
    """Make sure that a job's output is in storage, and return its artifact.

    Raises:
        ArtifactNotFound: Chunks are missing; the message names them.
        ArtifactCorrupt: A chunk's output differs from its record.
        SeamDiffers: Chunks draw a frame differently, even after they were rendered again.
        MergeFailed: The merge command wrote no file that could be the output.
        HeliosError: Assets or chunks can't be fetched or stitched, or the output can't be stored.
    """
    storage, folder = context.storage, context.folder
    if storage is None or folder is None:
        raise StorageInvalid(
            "merge: the job has no storage, which contains the chunks",
            hint="Give the job spec an outputUrl, or the worker HELIOS_ARTIFACTS.",
        )
    with context.stopwatch.measure("records"):
        records = await read_records(storage, context.spec)
    proven = await prove_seams(context, storage, records)
    result = await _merge(MergedOutput(proven, storage, folder, _key(proven)))
    result = await deliver(proven.context, result)
    stdout = f"{_healed_line(proven.healed)}{result.stdout}"
    return replace(result, stdout=stdout, stderr=f"{proven.warning}{result.stderr}")


async def _merge(output: MergedOutput) -> WorkerResult:
    context = output.context
    record = await _stored_record(output.storage, output.key)
    if record is not None:
        context.log.info("merge.reused", url=record.artifact.url)
        return WorkerResult(
            exit_code=0, stdout="merge: already in storage\n", artifact=record.artifact
        )
    if _exceeds_disk(output):
        # Imported here, as few jobs are so large.
        from helios.worker.merge.storage_merge import merge_on_storage  # noqa: PLC0415

        return await merge_on_storage(output)
    return await merge_in_workspace(output)


def _key(proven: ProvenJob) -> str:
    digests = {id_: record.artifact.sha256 or "" for id_, record in proven.records.items()}
    return merge_key(proven.context.spec, digests)


def _healed_line(healed: list[int]) -> str:
    chunks = "1 chunk" if len(healed) == 1 else f"{len(healed)} chunks"
    return f"{chunks} rendered again for the seams, with every frame visited\n" if healed else ""


async def _stored_record(storage: ArtifactStorage, key: str) -> MergeRecord | None:
    """Return the record of the output with this key if the output is in storage."""
    data = await read_if_valid(storage, merge_record(key), limit=MAX_RECORD_BYTES)
    record = None if data is None else MergeRecord.parse(data)
    if record is None or not await is_stored(storage, record.name, record.artifact):
        return None
    return record


def _exceeds_disk(output: MergedOutput) -> bool:
    """Return whether the chunks exceed the disk, and can be stitched inside the storage."""
    resources = output.context.resources
    limit = resources.merge_bytes
    if limit is None:
        # The disk holds the chunks and the video, which is as large as they are.
        limit = shutil.disk_usage(resources.workspaces).free // 2
    if sum(record.artifact.bytes or 0 for record in output.records.values()) <= limit:
        return False
    from helios.stitcher.storage_stitcher import fault_of  # noqa: PLC0415 - few jobs are so large

    return fault_of(output.context.spec, merged_name(output.context.spec)) is None
