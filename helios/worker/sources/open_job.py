"""Opens jobs: fetches the spec, checks its URLs, opens its storage."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from helios.contract.job_spec import JobSpec
from helios.records.job_layout import JobFolder
from helios.storage import ArtifactStorage
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.sources.job_source import JobSource, StorageOpener
from helios.worker.worker_config import WorkerConfig


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job's spec, folder and storage; the latter are None if neither spec nor worker has one."""

    spec: JobSpec
    folder: JobFolder | None
    storage: ArtifactStorage | None


class JobOpener:
    """Opens jobs whose URLs a worker may use."""

    def __init__(
        self,
        config: WorkerConfig,
        source: JobSource,
        *,
        allowed: AllowedUrls,
        storage_opener: StorageOpener,
    ) -> None:
        self._config = config
        self._source = source
        self._allowed = allowed
        self._open = storage_opener
        # Checked again for each job, with its own folder; invalid prefixes are refused here.
        AllowedUrls(config.allowed_destinations, what_for="destinations")

    @contextlib.asynccontextmanager
    async def open(self, job_path: str, *, chunk_id: int | None = None) -> AsyncIterator[OpenJob]:
        """Open a job for the duration of the context; see `WorkerRuntime.open_job`."""
        spec = await self._source.load(job_path, chunk_id=chunk_id)
        self._check_urls(spec, job_path)
        folder = JobFolder.of(spec, job_path, artifacts=self._config.artifacts)
        storage = None if folder is None else self._open(folder.url)
        try:
            yield OpenJob(spec, folder, storage)
        finally:
            if storage is not None:
                await storage.close()

    def _check_urls(self, spec: JobSpec, job_path: str) -> None:
        """Raise `SourceForbidden` if the spec's assets or results are at a forbidden URL."""
        if spec.assets_url is not None:
            self._allowed.check(spec.assets_url, what="assetsUrl")
        if spec.output_url is None:
            return
        without_output = spec.model_copy(update={"output_url": None})
        own = JobFolder.of(without_output, job_path, artifacts=self._config.artifacts)
        AllowedUrls(
            [*([own.url] if own else []), *self._config.allowed_destinations],
            allow_local=self._config.allow_local,
            what_for="destinations",
        ).check(spec.output_url, what="outputUrl")
