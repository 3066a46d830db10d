"""S3, and stores that speak its protocol, as artifact storage."""

import asyncio
import hashlib
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from helios.concurrency import map_limited, run_blocking
from helios.contract.artifact import Artifact
from helios.errors import (
    AccessDenied,
    ArtifactCorrupt,
    ArtifactNotFound,
    HeliosError,
    StorageInvalid,
    StorageUnavailable,
)
from helios.output import whole_output
from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.checks import check_digest, check_expiry, check_size, open_source
from helios.storage.keys import check_deletable, check_key, check_prefix, content_type, tags_of
from helios.storage.parts import PART, Lanes, digest_of, write_parts
from helios.storage.s3.access import RETRIES, S3Access, boto3_faults
from helios.storage.s3.refusal import NOT_IMPLEMENTED, REJECTED_CREDENTIALS, UNDECIDED, Refusal
from helios.storage.s3.upload import PutOptions, upload

if TYPE_CHECKING:
    from obstore import Attributes, Bytes, GetResult, ObjectMeta

Answer = TypeVar("Answer")

# Exceptions of obstore: built-in ones for missing objects and for keys that it refuses.
_FAULTS = (BaseError, FileNotFoundError, ValueError)
#: Requests for sizes at once.
_STATS_AT_ONCE = 32
#: Tries of a conditional write that another client's write conflicts with, after random delays of
#: up to 0.1 s that double.
_CONFLICT_TRIES = 8
#: Metadata with an object's digest.
_SHA256 = "sha256"
#: Metadata that identifies the creator of an object: a retry recognises its own earlier success.
_WRITER = "writer"


class S3Storage(ArtifactStorage):
    """Artifacts in a bucket of S3, or of a store that speaks its protocol (R2, MinIO).

    Parameters
    ----------
    bucket:
        The bucket's name.
    prefix:
        Folder in the bucket that keys are relative to; may be empty.
    env:
        Environment variables; see `S3Access`.
    retries:
        Retries of requests whose failure may be temporary.
    """

    def __init__(
        self, bucket: str, *, prefix: str = "", env: Mapping[str, str], retries: int = RETRIES
    ) -> None:
        super().__init__(f"s3://{bucket}/{prefix}")
        self._bucket = bucket
        self._above = f"{prefix}/" if prefix else ""
        self._access = S3Access(bucket, prefix=prefix, env=env, retries=retries)
        self._opened: S3Store | None = None
        self._lanes = Lanes()
        self._keeps_tags = self._access.keeps_tags
        # Whether a request succeeded, which shows that the bucket exists.
        self._bucket_seen = False

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

            await self._put(key, put)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        check_key(key)
        sha256 = hashlib.sha256(data).hexdigest()
        attributes = _attributes(key, sha256)
        await self._put(
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
                return await self._put(key, create)
            except _Conflict:
                await asyncio.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - no secret
        raise StorageUnavailable(f"{self.url_of(key)}: other clients keep writing it")

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        check_key(key)
        with whole_output(path) as folder, (folder / "whole").open("xb") as sink:
            found, size = await self._fetch(key, sink, sha256=sha256)
        return Artifact(url=self.url_of(key), sha256=found, bytes=size)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        check_key(key)

        async def get(store: S3Store) -> "tuple[GetResult, Bytes]":
            result = await store.get_async(key)
            check_size(self.url_of(key), result.meta["size"], limit)
            return result, await result.bytes_async()

        result, data = await self._request(key, get)
        found = hashlib.sha256(data).hexdigest()
        check_digest(self.url_of(key), found, result.attributes.get(_SHA256))
        return bytes(data)

    async def copy(self, key: str, to: str) -> Artifact:
        check_key(key)
        check_key(to)
        # This copies its metadata, which include the digest, and its tags.
        await self._request(key, lambda store: store.copy_async(key, to))
        await self._tag_copy(key, to)
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

        return await self._request(key, get)

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
            Range(self._above + name, 0, size) for name, size in zip(sources, sizes, strict=True)
        ]
        client = await run_blocking(lambda _token: self._access.boto3_client())
        composition = S3Composition(client, self._bucket, scratch=self._above + scratch)
        with boto3_faults(self.url_of(key)):
            await composition.make(self._above + key, ranges)
        return Artifact(url=self.url_of(key), bytes=sum(part.size for part in ranges))

    async def _size(self, key: str) -> int:
        there = await self.stat(key)
        if there is None:
            raise ArtifactNotFound(f"{self.url_of(key)}: there is no such object")
        return there.bytes

    async def stat(self, key: str) -> StoredObject | None:
        check_key(key)
        try:
            there = await self._request(
                key, lambda store: store.get_async(key, options={"head": True})
            )
        except ArtifactNotFound:
            if not self._bucket_seen:
                # Only answers with a body distinguish a missing bucket from a missing object.
                await self._check_bucket(key)
            return None
        return _stored(there.meta, there.attributes.get(_SHA256))

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        check_prefix(prefix)
        folder = prefix.rpartition("/")[0] or None

        async def collect(store: S3Store) -> "Sequence[ObjectMeta]":
            pages = obstore.list(store, folder, offset=after or None, chunk_size=1000)
            return await pages.collect_async()

        found = await self._request(prefix, collect)
        stored = [_stored(meta) for meta in found if meta["path"].startswith(prefix)]
        return sorted((entry for entry in stored if entry.key > after), key=lambda entry: entry.key)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._request(key, lambda store: store.delete_async(key))

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)
        keys = [entry.key for entry in await self.list(prefix)]
        if keys:
            await self._request(prefix, lambda store: store.delete_async(keys))
        return len(keys)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_key(key)
        period = timedelta(seconds=check_expiry(expires))
        return await self._request(key, lambda store: obstore.sign_async(store, "GET", key, period))

    async def close(self) -> None:
        self._opened = None

    async def _check_bucket(self, key: str) -> None:
        try:
            await self._request(key, lambda store: store.get_async(key))
        except ArtifactNotFound:
            if not self._bucket_seen:
                raise

    async def _fetch(self, key: str, sink: BinaryIO, *, sha256: str | None) -> tuple[str, int]:
        async def fetch(store: S3Store) -> tuple[str, int]:
            sink.seek(0)
            sink.truncate()
            head = await _first_part(store, key)
            version, size = head.meta["e_tag"], head.meta["size"]

            async def part(start: int, end: int) -> "Bytes":
                # All parts must be of the same version of the object.
                options: Any = {"range": (start, end), "if_match": version}
                return await (await store.get_async(key, options=options)).bytes_async()

            first = await head.bytes_async()
            with self._lanes as lanes:
                found = await write_parts(sink, size, part, lanes=lanes, first=first)
            check_digest(self.url_of(key), found, sha256 or head.attributes.get(_SHA256))
            return found, size

        return await self._request(key, fetch)

    async def _tag_copy(self, key: str, to: str) -> None:
        """Set the tags for a copy's own name, if they differ from its source's."""
        tags = tags_of(self._above + to)
        if not self._keeps_tags or tags == tags_of(self._above + key):
            return
        client = await run_blocking(lambda _token: self._access.boto3_client())
        known: dict[str, Any] = {"Bucket": self._bucket, "Key": self._above + to}
        change = client.put_object_tagging if tags else client.delete_object_tagging
        if tags:
            tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
            known["Tagging"] = {"TagSet": tag_set}
        with boto3_faults(self.url_of(to)):
            await run_blocking(lambda _token: change(**known))

    async def _put(
        self, key: str, put: Callable[[S3Store, dict[str, str]], Awaitable[Answer]]
    ) -> Answer:
        """Store an object with its tags, or without in a store that doesn't support tags."""
        tags = tags_of(self._above + key) if self._keeps_tags else {}
        try:
            return await self._request(key, lambda store: put(store, tags))
        except (StorageInvalid, StorageUnavailable) as fault:
            if not tags or NOT_IMPLEMENTED not in fault.message:
                raise
        self._keeps_tags = False
        return await self._request(key, lambda store: put(store, {}))

    async def _request(self, key: str, send: Callable[[S3Store], Awaitable[Answer]]) -> Answer:
        """Send a request; repeat it if the bucket turns out to be in another region."""
        try:
            return await self._send(send)
        except _FAULTS as first:
            fault, text = first, str(first)
        if await run_blocking(lambda _token: self._access.corrects(text)):
            self._opened = None
            try:
                return await self._send(send)
            except _FAULTS as second:
                fault = second
        raise self._error(key, fault) from fault

    async def _send(self, send: Callable[[S3Store], Awaitable[Answer]]) -> Answer:
        store = self._opened
        if store is None:
            store = self._opened = await run_blocking(lambda _token: self._access.open())
        answer = await send(store)
        self._bucket_seen = True
        return answer

    def _error(self, key: str, fault: Exception) -> HeliosError:
        refusal = Refusal.of(fault)
        url = self.url_of(key)
        if refusal.code == "NoSuchBucket":
            return ArtifactNotFound(f"s3://{self._bucket}: there is no such bucket")
        if isinstance(fault, FileNotFoundError):
            self._bucket_seen = self._bucket_seen or bool(refusal.code)
            return ArtifactNotFound(f"{url}: there is no such object")
        if isinstance(fault, PreconditionError):
            return ArtifactCorrupt(f"{url} was replaced while it was fetched")
        if refusal.status in (401, 403) or refusal.code in REJECTED_CREDENTIALS:
            return AccessDenied(
                f"{url}: {refusal}",
                hint="Check the credentials' rights; without s3:ListBucket, S3 also says this of "
                "objects that don't exist.",
            )
        if isinstance(fault, ValueError) or refusal.is_final:
            return StorageInvalid(f"{url}: {refusal}")
        return StorageUnavailable(f"{url}: {refusal}")


class _Conflict(Exception):
    """Another client writes the same object at the same time, and may yet fail."""


async def _first_part(store: S3Store, key: str) -> "GetResult":
    try:
        return await store.get_async(key, options={"range": (0, PART)})
    except BaseError as fault:
        if Refusal.of(fault).status != 416:
            raise
        # An empty object has no first byte.
        return await store.get_async(key)


def _attributes(key: str, sha256: str) -> "Attributes":
    return {"Content-Type": content_type(key), _SHA256: sha256}


def _stored(meta: "ObjectMeta", sha256: str | None = None) -> StoredObject:
    return StoredObject(
        key=meta["path"],
        bytes=meta["size"],
        version=meta["e_tag"] or str(meta["last_modified"]),
        modified=meta["last_modified"],
        sha256=sha256,
    )
