"""The storages that a render uses: each is opened once, and files move between them and here."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from helios.contract.artifact import Artifact
from helios.errors import ArtifactNotFound
from helios.storage import ArtifactStorage, open_storage, split_url

#: Bytes of a small file, such as a record, that are read at most.
MAX_SMALL_BYTES = 1024 * 1024
#: Bytes up to which S3 copies an object by itself.
MAX_COPIED_BYTES = 5 << 30

_BUCKET = re.compile(r"(?:s3|gs)://[^/]+/")


class Stores:
    """Storages by URL, for as long as the context lasts."""

    def __init__(self, opener: Callable[[str], ArtifactStorage] = open_storage) -> None:
        self._opener = opener
        self._opened: dict[str, ArtifactStorage] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for storage in self._opened.values():
            await storage.close()
        self._opened.clear()

    def at(self, url: str) -> ArtifactStorage:
        """Return the storage that a URL names."""
        storage = self._opened.get(url)
        if storage is None:
            storage = self._opened[url] = self._opener(url)
        return storage

    async def has(self, url: str) -> bool:
        """Tell whether there is an object."""
        storage, key = self._split(url)
        return await storage.stat(key) is not None

    async def size(self, url: str) -> int | None:
        """Return the bytes of an object; None if there is none."""
        storage, key = self._split(url)
        found = await storage.stat(key)
        return None if found is None else found.bytes

    async def read(self, url: str, *, limit: int = MAX_SMALL_BYTES) -> bytes:
        """Return the bytes of an object, which is refused beyond a limit."""
        storage, key = self._split(url)
        return await storage.get_bytes(key, limit=limit)

    async def write(self, url: str, data: bytes) -> Artifact:
        """Store bytes."""
        storage, key = self._split(url)
        return await storage.put_bytes(key, data)

    async def fetch(self, artifact: Artifact, path: Path) -> None:
        """Download an object, and check its digest."""
        storage, key = self._split(artifact.url)
        path.parent.mkdir(parents=True, exist_ok=True)
        await storage.get_file(key, path, sha256=artifact.sha256)

    async def store(self, path: Path, url: str) -> Artifact:
        """Store a file."""
        storage, key = self._split(url)
        return await storage.put_file(key, path)

    async def delete(self, url: str) -> None:
        """Remove an object, if it exists."""
        storage, key = self._split(url)
        await storage.delete(key)

    async def copy(self, artifact: Artifact, url: str) -> Artifact:
        """Store an object under another URL as well, maybe in another storage."""
        if artifact.url == url:
            return artifact
        bucket = _BUCKET.match(url)
        if bucket and artifact.url.startswith(bucket[0]):
            # Within a bucket, the bytes needn't come here.
            root = bucket[0]
            storage = self.at(root.rstrip("/"))
            source, target = artifact.url.removeprefix(root), url.removeprefix(root)
            if _is_copied_there(artifact):
                copied = await storage.copy(source, target)
            else:
                copied = await storage.compose(target, [source], scratch=f"{target}.joining-")
            return copied.model_copy(update={"url": url})
        with tempfile.TemporaryDirectory(prefix="helios-") as scratch:
            whole = Path(scratch, "whole")
            await self.fetch(artifact, whole)
            return await self.store(whole, url)

    async def presigned(self, url: str, *, seconds: float) -> str:
        """Return a URL by which anyone may fetch an existing object for some seconds."""
        if not await self.has(url):
            raise ArtifactNotFound(f"{url}: there is no such object")
        storage, key = self._split(url)
        return await storage.presigned_url(key, expires=seconds)

    def _split(self, url: str) -> tuple[ArtifactStorage, str]:
        base, key = split_url(url)
        return self.at(base), key


def _is_copied_there(artifact: Artifact) -> bool:
    """Tell whether a storage copies an object by itself, as it does those of a known, fair size."""
    return artifact.bytes is not None and artifact.bytes <= MAX_COPIED_BYTES
