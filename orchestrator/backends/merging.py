"""Merges chunks in storage: on this machine, by a worker, or by the storage itself."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import MergeCommand, merged_name
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import ArtifactNotFound, OptionInvalid, WorkerUnavailable
from helios.process.output_capture import OutputCallback
from helios.records.job_layout import JobFolder
from helios.records.stored_records import read_records
from helios.stitcher.chunk_check import check_chunk_outputs
from helios.stitcher.seam_check import check_merge
from helios.stitcher.storage_stitcher import fault_of, merge_in_storage
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.backends.chunk_downloads import ChunkDownloads
from orchestrator.backends.job_storage import Gathering
from orchestrator.execution.audio_step import make_sound
from orchestrator.model.settings import Stitch
from orchestrator.scheduling.endpoint import ENDPOINT_FAULTS
from orchestrator.scheduling.load_balancer import LoadBalancer


class MergeHere(WorkerAdapter):
    """Merges downloaded chunks on this machine, by a spec with commands for it."""

    queues = True

    def __init__(
        self, spec: JobSpec, artifacts: Mapping[int, Artifact], downloads: ChunkDownloads
    ) -> None:
        self._spec = spec
        self._artifacts = artifacts
        self._downloads = downloads

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Download missing chunks, check them, run the merge command, and check the seams."""
        await self._downloads.finish(self._artifacts)
        folder = Path(job.cwd or ".")
        ends = await check_chunk_outputs(self._spec, folder)
        result = await LocalWorkerAdapter().execute(job, on_output=on_output)
        command = MergeCommand.of(self._spec.merge_command)
        if result.exit_code == 0 and command is not None:
            await check_merge(folder / command.output, self._spec, ends)
        return result


class MergeByWorker(WorkerAdapter):
    """Lets a worker merge: one whose storage has most of the chunks, another one if it can't."""

    queues = True

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Copy the chunks to one storage, and let a worker there merge them.

        Raises:
            ArtifactNotFound: The worker's result doesn't name the video.
        """
        result = WorkerResult.of_error(WorkerUnavailable("merge: there is no endpoint for it"))
        for storage in self._gathering.ranking():
            await self._gathering.gather(storage)
            adapter = LoadBalancer(storage.merge_endpoints or storage.endpoints)
            sent = job
            if job.task is not None:
                sent = replace(job, task=replace(job.task, job_path=storage.job.job_path))
            result = await adapter.execute(sent, on_output=on_output)
            if result.failure is None or result.failure.code not in ENDPOINT_FAULTS:
                break
        if result.exit_code == 0:
            self._gathering.video = _stored(result)
        return result

    @property
    def capacity(self) -> int:
        """Bytes of chunks that can be merged where most of them are."""
        return self._gathering.ranking()[0].capacity


class MergeInStorage(WorkerAdapter):
    """Stitches in the storage itself: the bytes of chunks don't pass this machine or a worker."""

    queues = True

    def __init__(self, gathering: Gathering) -> None:
        self._gathering = gathering

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Copy the chunks to one storage, stitch them in it, and check the seams.

        The audio of the whole video is made on this machine.

        Raises:
            ArtifactNotFound: Chunks are missing.
            SeamBroken: The stitched video differs from its chunks.
        """
        first = self._gathering.ranking()[0]
        await self._gathering.gather(first)
        spec, storage = first.job.spec, self._gathering.stores.at(first.folder)
        records = await read_records(storage, spec)
        folder = JobFolder.of(spec, first.job.job_path)
        name = merged_name(spec)
        output = f"output/{name}" if folder is None else folder.output(name)
        with tempfile.TemporaryDirectory(prefix="helios-sound-") as scratch:
            sound = Path(scratch, f"sound{PurePosixPath(name).suffix}")
            inputs = {chunk.output_file for chunk in spec.chunks}
            result = await make_sound(job, sound, inputs=inputs, on_output=on_output)
            if result.exit_code != 0:
                return result
            self._gathering.video = await merge_in_storage(
                storage, spec, records, output=output, audio=sound
            )
        return WorkerResult(exit_code=0, artifact=self._gathering.video)


class MergeWhereItSuits(WorkerAdapter):
    """Chooses where to merge once the size of all chunks is known.

    Args:
        here, worker, server: The choices; `server` is None if chunks can't be stitched in storage.
        stays: Whether the video stays in storage.
        tell: Called with a sentence on where chunks are stitched, and why.
    """

    queues = True

    def __init__(
        self,
        here: WorkerAdapter,
        worker: MergeByWorker,
        server: WorkerAdapter | None,
        gathering: Gathering,
        *,
        stays: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._here = here
        self._worker = worker
        self._server = server
        self._gathering = gathering
        self._stays = stays
        self._tell = tell

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Merge the chunks."""
        size = self._gathering.bytes
        adapter: WorkerAdapter = self._here
        if not self._stays:
            reason = "stitched here: the video is downloaded anyway, and is as large as its chunks"
        elif size > self._worker.capacity and self._server is not None:
            adapter = self._server
            reason = f"stitched in storage: {size / 1e9:.1f} GB may be too much for a worker's disk"
        elif size > self._worker.capacity:
            reason = f"stitched here: {size / 1e9:.1f} GB may be too much for a worker's disk"
        else:
            adapter = self._worker
            reason = "stitched by a worker: the video stays in storage"
        if job.task is None or job.task.attempt == 1:
            self._tell(reason)
        return await adapter.execute(job, on_output=on_output)


def _stored(result: WorkerResult) -> Artifact:
    if result.artifact is None:
        raise ArtifactNotFound(
            "merge: the worker stored nothing, so there is no video to deliver",
            hint="Stitch on this machine: --stitch local.",
        )
    return result.artifact


def where_to_stitch(spec: JobSpec, stitch: Stitch, *, merge_needs_assets: bool) -> Stitch:
    """Return where a job's chunks are stitched, by its settings and its chunks.

    `merge_needs_assets` says that the merge plays a composition that isn't on this machine.
    """
    fault = fault_of(spec, merged_name(spec)) if stitch is Stitch.SERVER else None
    if fault is not None:
        raise OptionInvalid(
            f"--stitch server: {fault}", hint="Let it be chosen: leave the flag out."
        )
    if not merge_needs_assets:
        return stitch
    if stitch is Stitch.LOCAL:
        raise OptionInvalid(
            "--stitch local: the merge plays the composition, which is only in storage",
            hint="Let a worker merge: leave the flag out.",
        )
    return Stitch.WORKER
