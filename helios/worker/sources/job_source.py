"""Reads job specs and assets from allowed paths, web servers and storages."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from helios.assets import ArchiveLimits
from helios.contract.job_spec import JobSpec
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import ArtifactCorrupt, ArtifactNotFound, JobSpecNotFound, PayloadTooLarge
from helios.network.network_policy import NetworkPolicy
from helios.records.job_layout import is_http
from helios.records.spec_slices import LARGE_SPEC, MAX_SLICE_BYTES, parse_slice, slice_key
from helios.redaction import without_secrets
from helios.storage import ArtifactStorage, split_url
from helios.worker.sources.allowed_urls import AllowedUrls

if TYPE_CHECKING:
    from helios.network.download import Download

#: Time limit of downloading an archive in seconds; the worker's own limit is often shorter.
ARCHIVE_TIMEOUT = 600.0

StorageOpener = Callable[[str], ArtifactStorage]


class JobSource:
    """Loads job specs, and downloads assets from web servers.

    Args:
        allowed: URLs of specs and assets.
        network: Addresses of web servers.
        storage_opener: Opens the storage of a spec.
        max_bytes: Largest spec in bytes.
    """

    def __init__(
        self,
        *,
        allowed: AllowedUrls,
        network: NetworkPolicy,
        storage_opener: StorageOpener,
        max_bytes: int = MAX_SPEC_BYTES,
    ) -> None:
        self._allowed = allowed
        self._network = network
        self._open = storage_opener
        self._max_bytes = max_bytes
        self._latest: tuple[tuple[str, bytes], JobSpec] | None = None

    async def load(self, job_path: str, *, chunk_id: int | None = None) -> JobSpec:
        """Fetch and validate a job spec.

        With a `chunk_id`, the result may lack other chunks.

        Raises `SourceForbidden` if the URL, or a redirect, isn't allowed; `JobSpecNotFound`,
        `AccessDenied`, `StorageUnavailable` or `StorageInvalid` if the spec can't be fetched;
        `PayloadTooLarge` or `JobSpecInvalid` if the spec is too large or invalid.
        """
        self._allowed.check(job_path, what="jobPath")
        if chunk_id is not None and not is_http(job_path):
            part = await self._slice(job_path, chunk_id)
            if part is not None:
                return part
        data = await (self._download(job_path) if is_http(job_path) else self._read(job_path))
        # A warm worker renders many chunks of one job. Validating 10,000 chunks takes 0.2 s.
        digest = hashlib.sha256(data).digest()
        if self._latest is None or self._latest[0] != (job_path, digest):
            # In a thread, so that other requests don't wait.
            source = without_secrets(job_path)
            spec = await asyncio.to_thread(JobSpec.parse, data, source=source)
            self._latest = (job_path, digest), spec
        return self._latest[1]

    async def _slice(self, job_path: str, chunk_id: int) -> JobSpec | None:
        """Return the slice of a large spec with a chunk; None if the spec must be read whole."""
        base, key = split_url(job_path)
        storage = self._open(base)
        try:
            whole = await storage.stat(key)
            if whole is None or whole.sha256 is None or whole.bytes < LARGE_SPEC:
                return None
            if self._latest is not None:
                (path, digest), spec = self._latest
                if (path, digest.hex()) == (job_path, whole.sha256):
                    return spec
            data = await storage.get_bytes(slice_key(chunk_id), limit=MAX_SLICE_BYTES)
            return parse_slice(data, digest=whole.sha256, chunk_id=chunk_id)
        except (ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge):
            return None
        finally:
            await storage.close()

    async def _read(self, job_path: str) -> bytes:
        base, key = split_url(job_path)
        storage = self._open(base)
        try:
            return await storage.get_bytes(key, limit=self._max_bytes)
        except ArtifactNotFound as fault:
            raise _not_found(job_path) from fault
        finally:
            await storage.close()

    async def _download(self, url: str) -> bytes:
        try:
            return await self._downloads(what="jobPath", limit=self._max_bytes).get(url)
        except ArtifactNotFound as fault:
            raise _not_found(url) from fault

    async def fetch_archive(self, url: str, path: Path) -> None:
        """Fetch an archive of assets from a web server into a new file.

        Raises `SourceForbidden` if the URL, or a redirect, isn't allowed.
        """
        limit = ArchiveLimits().unpacked_bytes
        download = self._downloads(what="assetsUrl", limit=limit, timeout=ARCHIVE_TIMEOUT)
        await download.save(url, path)

    def _downloads(self, *, what: str, limit: int, timeout: float | None = None) -> "Download":
        # Imports aiohttp, which takes 0.15 s and which few jobs need.
        from helios.network.download import TIMEOUT, Download  # noqa: PLC0415

        return Download(
            network=self._network,
            check=lambda url: self._allowed.check(url, what=what),
            limit=limit,
            timeout=timeout or TIMEOUT,
        )


def _not_found(job_path: str) -> JobSpecNotFound:
    return JobSpecNotFound(f"jobPath: there is no job spec at {without_secrets(job_path)}")
