"""Jobs whose chunks are rendered by workers in a cloud, through object storage."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import OptionInvalid
from helios.records.encoded_ends import EncodedEnds
from helios.records.job_layout import is_packed
from helios.stitcher.chunk_check import check_chunk_outputs
from helios.stitcher.storage_stitcher import fault_of
from orchestrator.adapters.base import WorkerAdapter
from orchestrator.backends.base import Backend
from orchestrator.backends.chunk_downloads import ChunkDownloads
from orchestrator.backends.completion import deliver_artifact, deliver_to
from orchestrator.backends.deployed_workers import (
    WorkerOpener,
    open_workers,
)
from orchestrator.backends.fleet import Fleet, open_fleet
from orchestrator.backends.job_storage import Gathering, JobStorage, open_job_storage
from orchestrator.backends.merging import (
    MergeByWorker,
    MergeHere,
    MergeInStorage,
    MergeWhereItSuits,
    where_to_stitch,
)
from orchestrator.backends.remote_seams import StoredBoundaries
from orchestrator.backends.sharing import Share
from orchestrator.backends.stored_chunks import delete_stored_chunks, stored_chunks
from orchestrator.backends.upload import StoredJob, pinned_version, show_stored, upload_job
from orchestrator.delivery.packaging import merge_needs_assets, package_job, plays
from orchestrator.display.display import Display
from orchestrator.execution.job_executor import JobResult
from orchestrator.execution.merge_step import ChunkCheck
from orchestrator.execution.seam_step import SeamSource, seam_pictures
from orchestrator.model.job import Job
from orchestrator.model.settings import Stitch
from orchestrator.planning.resume import forget_chunks, forget_parts
from orchestrator.scheduling.load_balancer import LoadBalancer


class RemoteBackend(Backend):
    """Runs a job on deployed workers.

    Assets and spec are stored, chunks are rendered into storage, and stitched here or there.
    Workers return a chunk that they find in the job's folder without rendering it, so that running
    the same job again renders the missing chunks.

    Attributes:
        artifacts: The stored chunks, by id.
    """

    stopping = "no chunk is started; remote workers may finish theirs, finished chunks stay"
    hedges = True

    def __init__(
        self,
        job: Job,
        *,
        display: Display | None = None,
        opener: WorkerOpener = open_workers,
        share: Share | None = None,
    ) -> None:
        super().__init__(job, display=display, share=share)
        self.artifacts: dict[int, Artifact] = {}
        self._opener = opener
        self._fleet = None if share is None else share.fleet
        self._assets = {} if share is None else share.assets
        self._storages: list[JobStorage] = []
        self._stitch = self.settings.stitch
        self._downloads = ChunkDownloads(self.spec, self.folder, stores=self.stores)
        self._gathering = Gathering(self._storages, self.artifacts, stores=self.stores)

    async def prepare(self, *, keep_chunks: bool) -> None:
        """Store the job for its workers, and open connections to them."""
        fleet = self._fleet = self._fleet or await open_fleet(
            self.job, self.settings, self.location.adapters, self._opener
        )
        self.limits = fleet.limits
        await asyncio.to_thread(forget_parts, self.spec, self.folder)
        stored = await self._pinned_version(fleet) if keep_chunks else None
        self._stitch = where_to_stitch(
            self.spec,
            self.settings.stitch,
            merge_needs_assets=(
                plays(self.spec) if stored else merge_needs_assets(self.spec, self.folder)
            ),
        )
        if self.playlist_file is not None and self._stitch not in (Stitch.LOCAL, Stitch.AUTO):
            raise OptionInvalid(
                f"output {self.playlist_file}: a playlist grows on this machine only",
                hint="Leave --stitch out, or render to a .mp4 file.",
            )
        stored = stored or await self._upload(fleet)
        self._storages += [open_job_storage(job, url, fleet) for url, job in stored.items()]

    async def reused_chunks(self, *, keep_chunks: bool) -> Collection[int]:
        if not keep_chunks:
            forget_chunks(self.spec, self.folder, only=self.settings.only)
            return ()
        self.artifacts.update(await stored_chunks(self._storages, self.stores))
        if self._comes_here:
            for chunk_id, artifact in self.artifacts.items():
                self._downloads.begin(chunk_id, artifact)
        self.note_resumed(self.artifacts)
        return frozenset(self.artifacts)

    def chunk_adapter(self) -> WorkerAdapter:
        assert self._fleet is not None  # noqa: S101 - it was prepared
        return LoadBalancer(
            self._fleet.endpoints,
            job_path=lambda: self.job_path,
            on_result=self._keep_artifact,
        )

    def merge_adapter(self) -> WorkerAdapter:
        here = MergeHere(self.spec, self.artifacts, self._downloads)
        by_worker, in_storage = MergeByWorker(self._gathering), MergeInStorage(self._gathering)
        chosen: dict[Stitch, WorkerAdapter] = {
            Stitch.LOCAL: here,
            Stitch.WORKER: by_worker,
            Stitch.SERVER: in_storage,
        }
        return chosen.get(self._stitch) or MergeWhereItSuits(
            here,
            by_worker,
            None if fault_of(self.spec, merged_name(self.spec)) else in_storage,
            self._gathering,
            stays=self._stays,
            tell=lambda reason: self.display.note("merging", reason, reason=reason),
        )

    async def deliver(self, result: JobResult) -> str:
        video = self._gathering.video
        if video is not None:
            return await deliver_artifact(video, self.destination, self.folder, self.stores)
        if result.merged:
            if result.output is None:
                # The merge command of another program: the name of its video isn't known.
                return str(self.folder)
            return await deliver_to(result.output, self.destination, self.stores)
        alone = self.spec.chunks[0]
        stored = self.artifacts.get(alone.id)
        if not self.settings.merge or stored is None or len(self.spec.chunks) > 1:
            # Chunks stay in storage.
            return ", ".join(f"{storage.folder}/chunks" for storage in self._storages)
        if not is_packed(alone):
            return await deliver_artifact(stored, self.destination, self.folder, self.stores)
        await self._downloads.finish(self.artifacts)
        return await deliver_to(self.folder / alone.output_file, self.destination, self.stores)

    async def close(self) -> None:
        await self._downloads.stop()
        is_shared = self.share is not None and self.share.fleet is not None
        if self._fleet is not None and not is_shared:
            await self._fleet.close()

    @property
    def job_path(self) -> str:
        return self._storages[0].job.job_path

    @property
    def chunk_check(self) -> ChunkCheck | None:
        """Checks the chunks of a playlist; merges check their own."""
        return None if self.playlist_file is None else self._check_here

    @property
    def seams(self) -> SeamSource:
        return StoredBoundaries(
            self.folder,
            pictures=seam_pictures(self.destination, self.folder),
            artifacts=self.artifacts,
            downloads=self._downloads,
            storages=self._storages,
            stores=self.stores,
        )

    async def forget(self) -> None:
        """Remove the job's chunks and its healed spec, here and in the storages of its workers."""
        await super().forget()
        urls = {each.artifacts for each in self.location.adapters if each.artifacts is not None}
        await delete_stored_chunks(self.spec, urls)

    @property
    def _stays(self) -> bool:
        """Whether the video stays in storage."""
        return self.destination is not None and self.destination.url is not None

    @property
    def _comes_here(self) -> bool:
        """Whether chunks are stitched here, and so downloaded while others are rendered."""
        here = self._stitch is Stitch.LOCAL or (self._stitch is Stitch.AUTO and not self._stays)
        return self.settings.makes_video and here

    def _keep_artifact(self, job: WorkerJob, result: WorkerResult) -> None:
        """Note what a worker stored for a chunk."""
        if job.chunk_id is None or result.exit_code != 0 or result.artifact is None:
            return
        self.artifacts[job.chunk_id] = result.artifact
        if self._comes_here:
            self._downloads.begin(job.chunk_id, result.artifact)

    async def _check_here(self, spec: JobSpec, folder: Path) -> Mapping[int, EncodedEnds]:
        """Download all chunks, and check them."""
        await self._downloads.finish(self.artifacts)
        return await check_chunk_outputs(spec, folder)

    async def _pinned_version(self, fleet: Fleet) -> Mapping[str, StoredJob] | None:
        stored = await pinned_version(
            self.spec,
            self.folder,
            own_files=self._own_files,
            artifacts=[workers.artifacts for workers in fleet.workers],
            stores=self.stores,
            assets=self._assets,
        )
        if stored is not None:
            reason = "the composition was changed: the job continues with the version in storage"
            self.display.note("pinned", reason, reason=reason)
        return stored

    @property
    def _own_files(self) -> list[Path]:
        """Files that the job makes, which aren't part of its composition."""
        own = [self.job_file, self.folder]
        if self.destination is not None and self.destination.path is not None:
            own.append(self.destination.path)
        return own

    async def _upload(self, fleet: Fleet) -> Mapping[str, StoredJob]:
        job = package_job(self.spec, self.folder, own_files=self._own_files)
        artifacts = list(dict.fromkeys(workers.artifacts for workers in fleet.workers))
        with self.display.activity(f"storing what workers need in {', '.join(artifacts)}"):
            stored = await upload_job(
                job, artifacts=artifacts, stores=self.stores, assets=self._assets
            )
        for there in stored.values():
            show_stored(there, self.display)
        return stored
