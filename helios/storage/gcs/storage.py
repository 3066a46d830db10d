"""Artifact storage in a bucket of Google Cloud Storage."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from helios.concurrency import CancelToken, run_blocking
from helios.contract.artifact import Artifact
from helios.errors import ArtifactCorrupt, StorageUnavailable
from helios.output import whole_output
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.checks import check_digest, check_expiry, check_size, open_source
from helios.storage.gcs.bucket import RETRY_SECONDS, GcsBucket, digest_of
from helios.storage.gcs.checked_file import CheckedFile
from helios.storage.gcs.faults import gcs_faults
from helios.storage.keys import check_deletable, check_key, check_prefix, content_type
from helios.storage.parts import PARALLEL, PART, Lanes, write_parts
from helios.storage.parts import digest_of as digest_file

if TYPE_CHECKING:
    from google.cloud.storage import Blob

Answer = TypeVar("Answer")

#: Objects that Google joins by one request.
_COMPOSED = 32
#: Tries of reading an object that is replaced between looking it up and reading it.
_MAX_READS = 5


class GcsStorage(ArtifactStorage):
    """Artifacts in a bucket of Google Cloud Storage, whose keys are relative to a prefix.

    Google's client finds the application default credentials. `STORAGE_EMULATOR_HOST` in `env`
    names a local server without credentials. Requests whose failure may be temporary are retried
    for `retry_seconds`.
    """

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "",
        env: Mapping[str, str],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        super().__init__(f"gs://{bucket}/{prefix}")
        self._bucket = GcsBucket(bucket, prefix=prefix, env=env, retry_seconds=retry_seconds)
        # About as many threads as Google's client keeps connections.
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="gcs")
        self._lanes = Lanes()

    async def put_file(self, key: str, path: Path) -> Artifact:
        check_key(key)

        def put(token: CancelToken) -> Artifact:
            with open_source(path) as source:
                sha256, size = digest_file(source, token)
                source.seek(0)
                blob = self._bucket.blob(key, sha256=sha256)
                # Large files take several requests, each with its own retries.
                blob.chunk_size = PART
                unchanged = CheckedFile(source, path, size=size, sha256=sha256, token=token)
                blob.upload_from_file(
                    unchanged, size=size, content_type=content_type(key), **self._bucket.how
                )
            return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

        return await self._request(key, put)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        check_key(key)
        sha256 = hashlib.sha256(data).hexdigest()

        def put(_token: CancelToken) -> None:
            blob = self._bucket.blob(key, sha256=sha256)
            blob.upload_from_string(data, content_type=content_type(key), **self._bucket.how)

        await self._request(key, put)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=len(data))

    async def create(self, key: str, data: bytes) -> bool:
        check_key(key)
        return await self._request(key, lambda _token: self._bucket.create(key, data))

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        check_key(key)
        blob = await self._request(key, lambda _token: self._bucket.find(key))
        with whole_output(path) as folder, (folder / "whole").open("xb") as sink:
            found = await self._fetch(key, blob, sink)
            check_digest(self.url_of(key), found, sha256 or digest_of(blob))
        return Artifact(url=self.url_of(key), sha256=found, bytes=blob.size)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        check_key(key)

        def get(_token: CancelToken) -> bytes:
            for _ in range(_MAX_READS):
                blob = self._bucket.find(key)
                check_size(self.url_of(key), blob.size, limit)
                data = self._bucket.read(blob)
                if data is not None:
                    found = hashlib.sha256(data).hexdigest()
                    check_digest(self.url_of(key), found, digest_of(blob))
                    return data
            raise StorageUnavailable(f"{self.url_of(key)} was replaced each time it was read")

        return await self._request(key, get)

    async def copy(self, key: str, to: str) -> Artifact:
        check_key(key)
        check_key(to)

        def copy(token: CancelToken) -> Artifact:
            source, target = self._bucket.find(key), self._bucket.blob(to)
            # Metadata given with the copy replace all of the source's.
            target.metadata = source.metadata
            target.content_type = source.content_type
            # A large object takes several requests; each answer but the last holds a token.
            resume, _, _ = target.rewrite(source, **self._bucket.how)
            while resume is not None:
                token.check()
                resume, _, _ = target.rewrite(source, token=resume, **self._bucket.how)
            return Artifact(url=self.url_of(to), sha256=digest_of(source), bytes=source.size)

        return await self._request(key, copy)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        check_key(key)

        def get(_token: CancelToken) -> bytes:
            return self._bucket.read_range(self._bucket.handle(key), start, end)

        return await self._request(key, get)

    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,
        sizes: Sequence[int] | None = None,  # noqa: ARG002
    ) -> Artifact:
        for name in (key, *sources):
            check_key(name)
        folder = f"{scratch}{secrets.token_hex(8)}/"
        made: list[str] = []
        parts = list(sources)
        try:
            while len(parts) > _COMPOSED:
                groups = [
                    parts[start : start + _COMPOSED] for start in range(0, len(parts), _COMPOSED)
                ]
                parts = [f"{folder}{len(made) + number}" for number in range(len(groups))]
                made += parts
                await asyncio.gather(*map(self._compose, parts, groups))
            size = await self._compose(key, parts)
        finally:
            await asyncio.shield(asyncio.gather(*map(self.delete, made)))
        return Artifact(url=self.url_of(key), bytes=size)

    async def _compose(self, key: str, sources: Sequence[str]) -> int:
        def compose(_token: CancelToken) -> int:
            blob = self._bucket.blob(key)
            blob.content_type = content_type(key)
            blob.compose([self._bucket.handle(source) for source in sources], **self._bucket.how)
            return int(blob.size)

        return await self._request(key, compose)

    async def stat(self, key: str) -> StoredObject | None:
        check_key(key)

        def stat(_token: CancelToken) -> StoredObject | None:
            blob = self._bucket.get(key)
            return self._bucket.stored(blob) if blob is not None else None

        return await self._request(key, stat)

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        check_prefix(prefix)
        name = self._bucket.name_of(prefix)
        # Google's offset includes the key itself.
        options: dict[str, Any] = {"start_offset": self._bucket.name_of(after)} if after else {}
        options |= self._bucket.how

        def find(token: CancelToken) -> Sequence[StoredObject]:
            found = []
            for blob in self._bucket.open().list_blobs(prefix=name, **options):
                token.check()
                found.append(self._bucket.stored(blob))
            return sorted(
                (entry for entry in found if entry.key > after), key=lambda entry: entry.key
            )

        return await self._request(prefix, find)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._request(key, lambda _token: self._bucket.delete(key))

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)
        keys = [entry.key for entry in await self.list(prefix)]
        # The pool limits the number of concurrent requests.
        await asyncio.gather(*(self.delete(key) for key in keys))
        return len(keys)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_key(key)
        period = timedelta(seconds=check_expiry(expires))

        return await self._request(key, lambda _token: self._bucket.signed_url(key, period))

    async def close(self) -> None:
        self._bucket.close()
        self._pool.shutdown(wait=False)

    async def _request(self, key: str, send: Callable[[CancelToken], Answer]) -> Answer:
        def guarded(token: CancelToken) -> Answer:
            with gcs_faults(self.url_of(key), check_bucket=self._bucket.check_exists):
                return send(token)

        return await run_blocking(guarded, pool=self._pool)

    async def _fetch(self, key: str, blob: "Blob", sink: BinaryIO) -> str:
        # All parts must be of the same generation of the object.
        pinned = self._bucket.pinned(blob)

        def part(start: int, end: int) -> bytes:
            from google.api_core.exceptions import NotFound  # noqa: PLC0415

            try:
                return self._bucket.read_range(pinned, start, end)
            except NotFound as fault:
                raise ArtifactCorrupt(
                    f"{self.url_of(key)} was replaced while it was fetched"
                ) from fault

        async def fetch(start: int, end: int) -> bytes:
            return await self._request(key, lambda _token: part(start, end))

        with self._lanes as lanes:
            return await write_parts(sink, blob.size, fetch, lanes=lanes)
