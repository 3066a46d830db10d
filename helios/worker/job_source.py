"""Reads job specs and assets from allowed paths, web servers and storages."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from helios.assets import ArchiveLimits
from helios.contract.job_spec import MAX_SPEC_BYTES, JobSpec
from helios.errors import ArtifactCorrupt, ArtifactNotFound, JobSpecNotFound, PayloadTooLarge
from helios.network.network_policy import NetworkPolicy
from helios.records.job_layout import is_http
from helios.records.spec_slices import LARGE_SPEC, MAX_SLICE_BYTES, parse_slice, slice_key
from helios.redaction import without_secrets
from helios.storage import ArtifactStorage, split_url
from helios.worker.allowed_urls import AllowedUrls

if TYPE_CHECKING:
    from helios.network.download import Download

#: Seconds that an archive may take from a web server; the worker's own limit is often shorter.
ARCHIVE_TIMEOUT = 600.0

StorageOpener = Callable[[str], ArtifactStorage]


class JobSource:
    """Loads job specs.

    Parameters
    ----------
    allowed:
        Where they may come from.
    network:
        Which addresses a spec on a web server may be fetched from.
    storage_opener:
        Opens the storage that a spec is in.
    max_bytes:
        Size of a spec at most.
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
        """Fetch a job spec and check it.

        Parameters
        ----------
        chunk_id:
            The chunk that it is wanted for: others may be missing from what is returned.

        Raises
        ------
        SourceForbidden
            The URL, or one that it leads to, isn't allowed.
        JobSpecNotFound, AccessDenied, StorageUnavailable, StorageInvalid
            It can't be fetched.
        PayloadTooLarge, JobSpecInvalid
            It is too large, or no job spec.
        """
        self._allowed.check(job_path, what="jobPath")
        if chunk_id is not None and not is_http(job_path):
            part = await self._part(job_path, chunk_id)
            if part is not None:
                return part
        data = await (self._download(job_path) if is_http(job_path) else self._read(job_path))
        # The chunks of a job that a warm worker renders have one spec, which takes 0.2 s to check
        # for 10,000 chunks.
        digest = hashlib.sha256(data).digest()
        if self._latest is None or self._latest[0] != (job_path, digest):
            # Other requests shouldn't wait meanwhile.
            source = without_secrets(job_path)
            spec = await asyncio.to_thread(JobSpec.parse, data, source=source)
            self._latest = (job_path, digest), spec
        return self._latest[1]

    async def _part(self, job_path: str, chunk_id: int) -> JobSpec | None:
        """Return the part of a large spec that a chunk is in; None if it is to be read whole."""
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

        Raises
        ------
        SourceForbidden
            The URL, or one that it leads to, isn't allowed.
        HeliosError
            It can't be fetched, or is too large.
        """
        limit = ArchiveLimits().unpacked_bytes
        await self._downloads(what="assetsUrl", limit=limit, timeout=ARCHIVE_TIMEOUT).save(
            url, path
        )

    def _downloads(self, *, what: str, limit: int, timeout: float | None = None) -> "Download":
        # Takes a seventh of a second to import, and few files come this way.
        from helios.network.download import TIMEOUT, Download  # noqa: PLC0415

        return Download(
            network=self._network,
            check=lambda url: self._allowed.check(url, what=what),
            limit=limit,
            timeout=timeout or TIMEOUT,
        )


def _not_found(job_path: str) -> JobSpecNotFound:
    return JobSpecNotFound(f"jobPath: there is no job spec at {without_secrets(job_path)}")
