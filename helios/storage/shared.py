"""Shares one storage client per bucket among its folders."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from helios.contract.artifact import Artifact
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.keys import check_deletable, check_key, check_prefix
from helios.storage.urls import bucket_of, open_storage


class SharedStorages:
    """Opens storages, and reuses the connections of each bucket.

    Warm workers open many folders of one bucket; new credentials and connections would take tens of
    milliseconds each time. Closing an opened storage does nothing; closing this object closes all.
    Threads may share it.
    """

    def __init__(self, opener: Callable[[str], ArtifactStorage] = open_storage) -> None:
        self._opener = opener
        self._buckets: dict[str, ArtifactStorage] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str) -> ArtifactStorage:
        """Open the storage with a URL; raise `StorageInvalid` if it isn't a storage URL."""
        bucket, prefix = bucket_of(url)
        if bucket is None:
            return self._opener(url)
        with self._lock:
            root = self._buckets.get(bucket)
            if root is None:
                root = self._buckets[bucket] = self._opener(bucket)
        return _Folder(root, prefix)

    async def close(self) -> None:
        """Close all connections."""
        with self._lock:
            buckets, self._buckets = self._buckets, {}
        for bucket in buckets.values():
            await bucket.close()


class _Folder(ArtifactStorage):
    """A folder of a storage, as a storage over the same connections."""

    def __init__(self, root: ArtifactStorage, prefix: str) -> None:
        super().__init__(f"{root.url}/{prefix}")
        self._root = root
        self._above = f"{prefix}/" if prefix else ""

    async def put_file(self, key: str, path: Path) -> Artifact:
        return await self._root.put_file(self._below(key), path)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        return await self._root.put_bytes(self._below(key), data)

    async def create(self, key: str, data: bytes) -> bool:
        return await self._root.create(self._below(key), data)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        return await self._root.get_file(self._below(key), path, sha256=sha256)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        return await self._root.get_bytes(self._below(key), limit=limit)

    async def copy(self, key: str, to: str) -> Artifact:
        return await self._root.copy(self._below(key), self._below(to))

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        return await self._root.get_range(self._below(key), start, end)

    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,
        sizes: Sequence[int] | None = None,
    ) -> Artifact:
        below = [self._below(source) for source in sources]
        made = await self._root.compose(
            self._below(key), below, scratch=self._above + scratch, sizes=sizes
        )
        return made.model_copy(update={"url": self.url_of(key)})

    async def stat(self, key: str) -> StoredObject | None:
        found = await self._root.stat(self._below(key))
        return None if found is None else replace(found, key=key)

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        check_prefix(prefix)
        found = await self._root.list(self._above + prefix, after=after and self._above + after)
        return [replace(entry, key=entry.key.removeprefix(self._above)) for entry in found]

    async def delete(self, key: str) -> None:
        await self._root.delete(self._below(key))

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)
        return await self._root.delete_prefix(self._above + prefix)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        return await self._root.presigned_url(self._below(key), expires=expires)

    async def close(self) -> None:
        """Do nothing: other folders share the connections."""

    def _below(self, key: str) -> str:
        check_key(key)
        return self._above + key
