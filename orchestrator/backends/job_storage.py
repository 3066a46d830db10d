"""The storages that hold a job, and its chunks brought together in one of them."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.errors import ArtifactNotFound
from helios.records.chunk_record import ChunkRecord
from helios.records.job_layout import JobFolder, record_beside
from helios.storage import split_url
from orchestrator.backends.fleet import Fleet
from orchestrator.backends.upload import StoredJob
from orchestrator.delivery.stores import Stores
from orchestrator.scheduling.endpoint import Endpoint

#: Bytes of chunks that a worker is given to join, unless the user wants it: it needs disk for twice
#: as much. Deployed as this project does, a worker that renders has a disk of 2 GB, and one
#: that only merges Lambda's largest, of 10 GB.
MAX_BYTES = 768 << 20
MAX_MERGE_BYTES = 4 << 30
#: Chunks that are copied from one storage to another at once.
COPIES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class JobStorage:
    """A storage that holds a job, and the endpoints whose workers use it."""

    job: StoredJob
    #: Where chunks are rendered.
    endpoints: Sequence[Endpoint]
    #: Endpoints that only merge; without any, those that render also merge.
    merge_endpoints: Sequence[Endpoint] = ()

    @property
    def capacity(self) -> int:
        """Bytes of chunks that can be merged there."""
        return MAX_MERGE_BYTES if self.merge_endpoints else MAX_BYTES

    @property
    def folder(self) -> str:
        """URL of the job's folder."""
        folder = JobFolder.of(self.job.spec, self.job.job_path)
        return self.job.job_path.rpartition("/")[0] if folder is None else folder.url

    def holds(self, artifact: Artifact) -> bool:
        """Tell whether an artifact is in the job's folder."""
        return artifact.url.startswith(f"{self.folder}/")


def open_job_storage(job: StoredJob, url: str, fleet: Fleet) -> JobStorage:
    """Return a storage, by its URL, that holds a job, with the endpoints whose workers use it."""
    return JobStorage(
        job,
        [each for each in fleet.endpoints if each.artifacts == url],
        [each for each in fleet.merge_endpoints if each.artifacts == url],
    )


class Gathering:
    """Copies the chunks to one storage, the one that has most of them.

    Attributes:
        video: The video in storage, once it is merged.
    """

    def __init__(
        self, storages: Sequence[JobStorage], artifacts: Mapping[int, Artifact], *, stores: Stores
    ) -> None:
        self.stores = stores
        self.video: Artifact | None = None
        self._storages = storages
        self._artifacts = artifacts

    def ranking(self) -> list[JobStorage]:
        """Return the storages, the one with most of the chunks first."""
        return sorted(self._storages, key=self._bytes_at, reverse=True)

    @property
    def bytes(self) -> int:
        """Bytes of all chunks."""
        return sum(artifact.bytes or 0 for artifact in self._artifacts.values())

    def _bytes_at(self, storage: JobStorage) -> int:
        held = filter(storage.holds, self._artifacts.values())
        return sum(artifact.bytes or 1 for artifact in held)

    async def gather(self, storage: JobStorage) -> None:
        """Copy to a storage what is in others."""
        away = [artifact for artifact in self._artifacts.values() if not storage.holds(artifact)]
        copy = functools.partial(self._copy, folder=f"{storage.folder}/chunks")
        await map_limited(copy, away, limit=COPIES_AT_ONCE)

    async def _copy(self, artifact: Artifact, folder: str) -> None:
        """Copy a chunk's output, and its record after it: a chunk with a record is whole."""
        base, name = split_url(artifact.url)
        record_name = record_beside(name)
        if await self.stores.has(f"{folder}/{record_name}"):
            return
        record = ChunkRecord.parse(await self.stores.read(f"{base}/{record_name}"))
        if record is None:
            raise ArtifactNotFound(f"{base}/{record_name}: not the record of a chunk")
        copied = await self.stores.copy(artifact, f"{folder}/{name}")
        moved = record.model_copy(update={"artifact": copied})
        await self.stores.write(f"{folder}/{record_name}", moved.to_bytes())
