"""The boundary frames of chunks in storage, and the healed job beside the job itself."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.errors import ArtifactCorrupt, ArtifactNotFound, PayloadTooLarge
from helios.records.boundary_frames import MAX_FILE_BYTES, BoundaryFrames, BoundaryPictures
from helios.records.job_layout import HEALED_SPEC, boundary_of
from helios.stitcher.seam_proof import with_replay
from orchestrator.backends.chunk_downloads import ChunkDownloads
from orchestrator.backends.job_storage import JobStorage
from orchestrator.backends.upload import StoredJob
from orchestrator.delivery.stores import Stores
from orchestrator.delivery.verification import records_of
from orchestrator.execution.seam_step import SeamSource
from orchestrator.planning.resume import forget_chunks


class StoredBoundaries(SeamSource):
    """Reads boundary frames that workers stored beside their chunks.

    Args:
        folder: The job's folder on this machine.
    """

    def __init__(
        self,
        folder: Path,
        *,
        pictures: Path,
        artifacts: Mapping[int, Artifact],
        downloads: ChunkDownloads,
        storages: list[JobStorage],
        stores: Stores,
    ) -> None:
        super().__init__(pictures)
        self._folder = folder
        self._artifacts = artifacts
        self._downloads = downloads
        self._storages = storages
        self._stores = stores

    async def boundary_frames(self, spec: JobSpec) -> Mapping[int, BoundaryFrames]:
        """Read what workers recorded of their chunks."""
        artifacts = [self._artifacts[c.id] for c in spec.chunks if c.id in self._artifacts]
        records = await records_of(artifacts, self._stores)
        return {
            record.chunk_id: record.boundary
            for record in records
            if record is not None and record.boundary is not None
        }

    async def pictures_of(self, chunk_id: int) -> BoundaryPictures | None:
        """Read the pictures that a worker stored beside a chunk."""
        url = boundary_of(self._artifacts[chunk_id].url)
        try:
            return BoundaryPictures.parse(await self._stores.read(url, limit=MAX_FILE_BYTES))
        except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
            return None

    async def adopt(self, healed: JobSpec, chunk_ids: Collection[int]) -> None:
        """Store the healed job beside the job itself, and ask workers for its chunks."""
        await self._downloads.forget(chunk_ids)
        forget_chunks(healed, self._folder, only=chunk_ids)
        for number, storage in enumerate(self._storages):
            spec = with_replay(storage.job.spec, chunk_ids)
            path = f"{storage.folder}/{HEALED_SPEC}"
            await self._stores.write(path, spec.to_json().encode())
            self._storages[number] = replace(storage, job=StoredJob(path, spec))
