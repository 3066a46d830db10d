"""A worker's cache of unpacked assets."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from helios.assets.archive import SUFFIX, ArchiveLimits, digest_in, is_on_web
from helios.assets.own_folder import OwnFolder, remove_tree
from helios.assets.unpack import unpack_assets
from helios.concurrency import CancelToken, finish_despite_cancel, run_blocking
from helios.errors import DiskFull, HeliosError
from helios.storage import ArtifactStorage, open_storage, split_url

#: Default size of the cache in bytes.
DEFAULT_MAX_BYTES = 2 * 1024**3


@dataclass(slots=True)
class _Kept:
    """Unpacked assets: size, number of users, and time of the last request."""

    folder: Path
    bytes: int
    users: int = 0
    requested: float = field(default_factory=time.monotonic)


class AssetCache:
    """Cache of unpacked assets by content: each archive is fetched and unpacked once.

    Tasks, threads and event loops may share a cache. Processes may share its folder, in which each
    has its own; folders of processes that have ended are removed.

    Args:
        folder: Folder for unpacked assets alone.
        max_bytes: Size in bytes beyond which the least recently used assets are removed, except
            those in use and the most recent ones.
        limits: Limits of one archive.
        storage_opener: Opens the storage of an archive, which is closed after the fetch.
        web_fetcher: Fetches an archive from a web server to a file; None disables web servers.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int = DEFAULT_MAX_BYTES,
        *,
        limits: ArchiveLimits | None = None,
        storage_opener: Callable[[str], ArtifactStorage] = open_storage,
        web_fetcher: Callable[[str, Path], Awaitable[None]] | None = None,
    ) -> None:
        self._max_bytes = max_bytes
        self._limits = limits or ArchiveLimits()
        self._open = storage_opener
        self._fetch_from_web = web_fetcher
        # Never held across an await.
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._coming: dict[str, Future[None]] = {}
        self._own = OwnFolder(folder)

    @contextlib.asynccontextmanager
    async def hold(self, url: str) -> AsyncIterator[Path]:
        """Yield the folder with an archive's files, which is kept until the context exits.

        Raises `StorageInvalid`, `ArtifactNotFound`, `ArtifactCorrupt`, `ArchiveInvalid` or
        `DiskFull` if the URL isn't one of an archive, or the archive is missing, damaged or
        invalid.
        """
        kept = await self._take(url)
        try:
            yield kept.folder
        finally:
            self._release(kept)
            await self._evict(self._max_bytes, spare_last=True)

    async def fetch(self, url: str) -> Path:
        """Return the folder with an archive's files, which is kept until others need the space.

        Raises:
            StorageInvalid, ArtifactNotFound, ArtifactCorrupt, ArchiveInvalid, DiskFull: As for
                `hold`.
        """
        async with self.hold(url) as folder:
            return folder

    async def clear(self) -> bool:
        """Remove all assets that aren't in use; return whether there were any."""
        return await self._evict(0, spare_last=False)

    def close(self) -> None:
        """Remove all assets; the cache can't be used afterwards."""
        self._own.leave()

    async def _take(self, url: str) -> _Kept:
        sha256 = digest_in(url)
        while True:
            with self._lock:
                kept = self._kept.get(sha256)
                if kept is not None:
                    kept.users += 1
                    kept.requested = time.monotonic()
                    return kept
                coming = self._coming.get(url)
                if coming is None:
                    mine = self._coming[url] = Future[None]()
            if coming is None:
                return await self._lead(url, sha256, mine)
            # Cancelling one waiting task doesn't cancel the fetch.
            await asyncio.shield(asyncio.wrap_future(coming))

    async def _lead(self, url: str, sha256: str, coming: "Future[None]") -> _Kept:
        fault: HeliosError | None = None
        try:
            brought = await self._bring(url, sha256)
            with self._lock:
                kept = self._kept.setdefault(sha256, brought)
                kept.users += 1
        except HeliosError as error:
            fault = error
            raise
        finally:
            with self._lock:
                del self._coming[url]
            # After a cancellation, a waiting task repeats the fetch.
            if fault is None:
                coming.set_result(None)
            else:
                coming.set_exception(fault)
        try:
            if kept is not brought:
                await finish_despite_cancel(_remove(brought.folder))
            await self._evict(self._max_bytes, spare_last=True)
        except BaseException:
            self._release(kept)
            raise
        return kept

    def _release(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1

    async def _bring(self, url: str, sha256: str) -> _Kept:
        try:
            return await self._fetch_and_unpack(url, sha256)
        except DiskFull:
            if not await self.clear():
                raise
            return await self._fetch_and_unpack(url, sha256)

    async def _fetch_and_unpack(self, url: str, sha256: str) -> _Kept:
        folder = self._own.path / f"{sha256}-{secrets.token_hex(4)}"
        archive = folder.with_name(f"{folder.name}{SUFFIX}")
        try:
            await self._fetch(url, archive)
            size = await run_blocking(
                lambda token: unpack_assets(
                    archive, folder, sha256=sha256, limits=self._limits, token=token
                )
            )
        except BaseException:
            await finish_despite_cancel(_remove(folder))
            raise
        finally:
            archive.unlink(missing_ok=True)
        return _Kept(folder=folder, bytes=size)

    async def _fetch(self, url: str, archive: Path) -> None:
        if self._fetch_from_web is not None and is_on_web(url):
            await self._fetch_from_web(url, archive)
            return
        base, key = split_url(url)
        storage = self._open(base)
        try:
            await storage.get_file(key, archive)
        finally:
            await storage.close()

    async def _evict(self, max_bytes: int, *, spare_last: bool) -> bool:
        """Remove unused folders down to a total size; return whether any were removed."""
        with self._lock:
            victims = self._victims(max_bytes, spare_last=spare_last)
            folders = [self._kept.pop(sha256).folder for sha256 in victims]
        if folders:
            await finish_despite_cancel(_remove(*folders))
        return bool(folders)

    def _victims(self, max_bytes: int, *, spare_last: bool) -> list[str]:
        by_age = sorted(self._kept, key=lambda sha256: self._kept[sha256].requested)
        excess = sum(kept.bytes for kept in self._kept.values()) - max_bytes
        victims = []
        for sha256 in by_age[:-1] if spare_last else by_age:
            if excess > 0 and not self._kept[sha256].users:
                excess -= self._kept[sha256].bytes
                victims.append(sha256)
        return victims


async def _remove(*folders: Path) -> None:
    def remove(_token: CancelToken) -> None:
        for folder in folders:
            remove_tree(folder)

    await run_blocking(remove)
