"""Artifact storage in a local folder."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from helios.concurrency import CancelToken, run_blocking
from helios.contract.artifact import Artifact
from helios.errors import (
    ArtifactNotFound,
)
from helios.output import whole_output
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.checks import check_digest, check_expiry, check_size, open_source
from helios.storage.keys import check_deletable
from helios.storage.local.digests import (
    BLOCK,
    copy_digested,
    record_digest,
    recorded_digest,
    write_all,
    write_digested,
)
from helios.storage.local.draft import draft_for
from helios.storage.local.folder import LocalFolder, stored_object


class LocalStorage(ArtifactStorage):
    """Artifacts in a local folder, each a file under its own name.

    The folder is created with the first artifact. An object's digest is recorded beside it, in a
    hidden file that also names the object's inode. Files put there by other programs have no digest
    and aren't verified.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = LocalFolder(folder)
        super().__init__(self._folder.url)

    def url_of(self, key: str) -> str:
        return self._folder.url_of(key)

    async def put_file(self, key: str, path: Path) -> Artifact:
        def put(token: CancelToken) -> Artifact:
            target = self._folder.path_of(key)
            with open_source(path) as source, self._folder.faults(key):
                return self._folder.put(
                    key, target, lambda sink: copy_digested(source, sink, token)
                )

        return await run_blocking(put)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        def put(_token: CancelToken) -> Artifact:
            target = self._folder.path_of(key)
            with self._folder.faults(key):
                return self._folder.put(key, target, lambda sink: write_digested(data, sink))

        return await run_blocking(put)

    async def create(self, key: str, data: bytes) -> bool:
        def create(_token: CancelToken) -> bool:
            target = self._folder.path_of(key)
            with self._folder.faults(key), draft_for(target) as draft:
                sha256 = write_digested(data, draft.file)
                draft.file.flush()
                try:
                    draft.link(target)
                except FileExistsError:
                    return False
                record_digest(target, sha256, draft.inode)
                return True

        return await run_blocking(create)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        def get(token: CancelToken) -> Artifact:
            with self._folder.open(key) as source, whole_output(path) as folder:
                expected = sha256 or recorded_digest(self._folder.path_of(key), source)
                with (folder / "whole").open("xb") as sink:
                    found = copy_digested(source, sink, token)
                    size = sink.tell()
                check_digest(self.url_of(key), found, expected)
                return Artifact(url=self.url_of(key), sha256=found, bytes=size)

        return await run_blocking(get)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        def get(_token: CancelToken) -> bytes:
            with self._folder.open(key) as source:
                size = os.fstat(source.fileno()).st_size
                check_size(self.url_of(key), size, limit)
                with self._folder.faults(key):
                    data = source.read()
                expected = recorded_digest(self._folder.path_of(key), source)
                check_digest(self.url_of(key), hashlib.sha256(data).hexdigest(), expected)
                return data

        return await run_blocking(get)

    async def copy(self, key: str, to: str) -> Artifact:
        def copy(token: CancelToken) -> Artifact:
            target = self._folder.path_of(to)
            with self._folder.open(key) as source, self._folder.faults(to):
                noted = recorded_digest(self._folder.path_of(key), source)

                def copy_whole(sink: BinaryIO) -> str:
                    found = copy_digested(source, sink, token)
                    check_digest(self.url_of(key), found, noted)
                    return found

                return self._folder.put(to, target, copy_whole)

        return await run_blocking(copy)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        def get(_token: CancelToken) -> bytes:
            with self._folder.open(key) as source:
                source.seek(start)
                return source.read(max(0, end - start))

        return await run_blocking(get)

    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,  # noqa: ARG002
        sizes: Sequence[int] | None = None,  # noqa: ARG002
    ) -> Artifact:
        def compose(token: CancelToken) -> Artifact:
            target = self._folder.path_of(key)

            def fill(sink: BinaryIO) -> str:
                digest = hashlib.sha256()
                for name in sources:
                    with self._folder.open(name) as source:
                        while block := source.read(BLOCK):
                            token.check()
                            digest.update(block)
                            write_all(memoryview(block), sink)
                return digest.hexdigest()

            with self._folder.faults(key):
                return self._folder.put(key, target, fill)

        return await run_blocking(compose)

    async def stat(self, key: str) -> StoredObject | None:
        def stat(_token: CancelToken) -> StoredObject | None:
            try:
                with self._folder.open(key) as source:
                    sha256 = recorded_digest(self._folder.path_of(key), source)
                    return stored_object(key, os.fstat(source.fileno()), sha256)
            except ArtifactNotFound:
                return None

        return await run_blocking(stat)

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        found = await run_blocking(lambda token: self._folder.list(prefix, token))
        return [entry for entry in found if entry.key > after]

    async def delete(self, key: str) -> None:
        def delete(_token: CancelToken) -> None:
            path = self._folder.path_of(key)
            with self._folder.faults(key):
                self._folder.remove(path)

        await run_blocking(delete)

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)

        def delete(token: CancelToken) -> int:
            found = self._folder.list(prefix, token)
            for entry in found:
                token.check()
                with self._folder.faults(entry.key):
                    self._folder.remove(self._folder.path / entry.key)
            return len(found)

        return await run_blocking(delete)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_expiry(expires)
        self._folder.path_of(key)
        return self.url_of(key)

    async def close(self) -> None:
        """Do nothing: files are closed after each call."""
