"""S3, and stores that speak its protocol, as artifact storage."""

import asyncio
import hashlib
import random
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from helios.concurrency import map_limited, run_blocking
from helios.contract.artifact import Artifact
from helios.errors import (
    ArtifactNotFound,
    StorageUnavailable,
)
from helios.output import whole_output
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.checks import check_digest, check_expiry, check_size, open_source
from helios.storage.keys import check_deletable, check_key, check_prefix, content_type
from helios.storage.parts import Lanes, digest_of
from helios.storage.s3.access import RETRIES, boto3_faults
from helios.storage.s3.bucket import S3Bucket
from helios.storage.s3.download import SHA256, download
from helios.storage.s3.refusal import UNDECIDED, Refusal
from helios.storage.s3.upload import PutOptions, upload

if TYPE_CHECKING:
    from obstore import Attributes, Bytes, GetResult, ObjectMeta

#: Requests for sizes at once.
_STATS_AT_ONCE = 32
#: Tries of a conditional write that another client's write conflicts with, after random delays of
#: up to 0.1 s that double.
_CONFLICT_TRIES = 8
#: Metadata that identifies the creator of an object: a retry recognises its own earlier success.
_WRITER = "writer"


class S3Storage(ArtifactStorage):
    """Artifacts in a bucket of S3, or of a store that speaks its protocol (R2, MinIO).

    Parameters are those of `S3Access`.
    """

    def __init__(
        self, bucket: str, *, prefix: str = "", env: Mapping[str, str], retries: int = RETRIES
    ) -> None:
        super().__init__(f"s3://{bucket}/{prefix}")
        self._bucket = S3Bucket(bucket, prefix=prefix, env=env, retries=retries)
        self._lanes = Lanes()

    async def put_file(self, key: str, path: Path) -> Artifact:
        check_key(key)
        with open_source(path) as source:
            sha256, size = await run_blocking(lambda token: digest_of(source, token))
            attributes = _attributes(key, sha256)

            async def put(store: S3Store, tags: dict[str, str]) -> None:
                source.seek(0)
                options: PutOptions = {"attributes": attributes, "tags": tags}
                with self._lanes as lanes:
                    await upload(
                        store, key, source, size, sha256=sha256, options=options, lanes=lanes
                    )

            await self._bucket.put(key, put)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        check_key(key)
        sha256 = hashlib.sha256(data).hexdigest()
        attributes = _attributes(key, sha256)
        await self._bucket.put(
            key,
            lambda store, tags: store.put_async(key, data, attributes=attributes, tags=tags),
        )
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=len(data))

    async def create(self, key: str, data: bytes) -> bool:
        check_key(key)
        writer = secrets.token_hex(16)
        attributes = _attributes(key, hashlib.sha256(data).hexdigest()) | {_WRITER: writer}

        async def create(store: S3Store, tags: dict[str, str]) -> bool:
            try:
                await store.put_async(key, data, attributes=attributes, tags=tags, mode="create")
            except AlreadyExistsError as fault:
                if Refusal.of(fault).code == UNDECIDED:
                    raise _Conflict from fault
                there = await store.get_async(key, options={"head": True})
                return there.attributes.get(_WRITER) == writer
            return True

        for attempt in range(_CONFLICT_TRIES):
            try:
                return await self._bucket.put(key, create)
            except _Conflict:
                await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - no secret
        raise StorageUnavailable(f"{self.url_of(key)}: other clients keep writing it")

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        check_key(key)
        with whole_output(path) as folder, (folder / "whole").open("xb") as sink:
            url = self.url_of(key)
            found, size = await self._bucket.read(
                key,
                lambda store: download(store, key, sink, url=url, sha256=sha256, lanes=self._lanes),
            )
        return Artifact(url=self.url_of(key), sha256=found, bytes=size)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        check_key(key)

        async def get(store: S3Store) -> "tuple[GetResult, Bytes]":
            result = await store.get_async(key)
            check_size(self.url_of(key), result.meta["size"], limit)
            return result, await result.bytes_async()

        result, data = await self._bucket.read(key, get)
        found = hashlib.sha256(data).hexdigest()
        check_digest(self.url_of(key), found, result.attributes.get(SHA256))
        return bytes(data)

    async def copy(self, key: str, to: str) -> Artifact:
        check_key(key)
        check_key(to)
        # This copies its metadata, which include the digest, and its tags.
        await self._bucket.request(key, lambda store: store.copy_async(key, to))
        await self._bucket.tag_copy(key, to)
        there = await self.stat(to)
        if there is None:
            raise ArtifactNotFound(
                f"{self.url_of(to)}: there is no such object after it was copied"
            )
        return Artifact(url=self.url_of(to), sha256=there.sha256, bytes=there.bytes)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        check_key(key)

        async def get(store: S3Store) -> bytes:
            return bytes(await store.get_range_async(key, start=start, end=end))

        return await self._bucket.read(key, get)

    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,
        sizes: Sequence[int] | None = None,
    ) -> Artifact:
        from helios.storage.composition_plan import Range  # noqa: PLC0415 - rarely used
        from helios.storage.s3.composition import S3Composition  # noqa: PLC0415

        check_key(key)
        if sizes is None:
            sizes = await map_limited(self._size, sources, limit=_STATS_AT_ONCE)
        ranges = [
            Range(self._bucket.name_of(name), 0, size)
            for name, size in zip(sources, sizes, strict=True)
        ]
        client = await self._bucket.boto3_client()
        scratch_name = self._bucket.name_of(scratch)
        composition = S3Composition(client, self._bucket.name, scratch=scratch_name)
        with boto3_faults(self.url_of(key)):
            await composition.make(self._bucket.name_of(key), ranges)
        return Artifact(url=self.url_of(key), bytes=sum(part.size for part in ranges))

    async def _size(self, key: str) -> int:
        there = await self.stat(key)
        if there is None:
            raise ArtifactNotFound(f"{self.url_of(key)}: there is no such object")
        return there.bytes

    async def stat(self, key: str) -> StoredObject | None:
        check_key(key)
        try:
            there = await self._bucket.read(
                key, lambda store: store.get_async(key, options={"head": True})
            )
        except ArtifactNotFound:
            await self._bucket.check_exists(key)
            return None
        return _stored(there.meta, there.attributes.get(SHA256))

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        check_prefix(prefix)
        folder = prefix.rpartition("/")[0] or None

        async def collect(store: S3Store) -> "Sequence[ObjectMeta]":
            pages = obstore.list(store, folder, offset=after or None, chunk_size=1000)
            return await pages.collect_async()

        found = await self._bucket.request(prefix, collect)
        stored = [_stored(meta) for meta in found if meta["path"].startswith(prefix)]
        return sorted((entry for entry in stored if entry.key > after), key=lambda entry: entry.key)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._bucket.request(key, lambda store: store.delete_async(key))

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)
        keys = [entry.key for entry in await self.list(prefix)]
        if keys:
            await self._bucket.request(prefix, lambda store: store.delete_async(keys))
        return len(keys)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_key(key)
        period = timedelta(seconds=check_expiry(expires))
        return await self._bucket.request(
            key, lambda store: obstore.sign_async(store, "GET", key, period)
        )

    async def close(self) -> None:
        self._bucket.close()


class _Conflict(Exception):
    """Another client writes the same object at the same time, and may yet fail."""


def _attributes(key: str, sha256: str) -> "Attributes":
    return {"Content-Type": content_type(key), SHA256: sha256}


def _stored(meta: "ObjectMeta", sha256: str | None = None) -> StoredObject:
    return StoredObject(
        key=meta["path"],
        bytes=meta["size"],
        version=meta["e_tag"] or str(meta["last_modified"]),
        modified=meta["last_modified"],
        sha256=sha256,
    )
