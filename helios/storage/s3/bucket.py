"""A bucket of S3, as obstore offers it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store

from helios.concurrency import run_blocking
from helios.errors import (
    AccessDenied,
    ArtifactCorrupt,
    ArtifactNotFound,
    HeliosError,
    StorageInvalid,
    StorageUnavailable,
)
from helios.storage.keys import tags_of
from helios.storage.s3.access import S3Access, boto3_faults
from helios.storage.s3.refusal import NOT_IMPLEMENTED, REJECTED_CREDENTIALS, Refusal

Answer = TypeVar("Answer")

# Objects that a look for one of them lists.
_LOOK = 100
# Exceptions of obstore: built-in ones for missing objects and for keys that it refuses.
_FAULTS = (BaseError, FileNotFoundError, ValueError)


class S3Bucket:
    """Requests for objects of one folder of a bucket. Parameters are those of `S3Storage`."""

    def __init__(self, name: str, *, prefix: str, env: Mapping[str, str], retries: int) -> None:
        self.name = name
        self._above = f"{prefix}/" if prefix else ""
        self._access = S3Access(name, prefix=prefix, env=env, retries=retries)
        self._opened: S3Store | None = None
        self._keeps_tags = self._access.keeps_tags
        # Whether a request succeeded, which shows that the bucket exists.
        self._seen = False

    def name_of(self, key: str) -> str:
        """Return the full name of an object."""
        return self._above + key

    def close(self) -> None:
        """Close the connections."""
        self._opened = None

    async def boto3_client(self) -> Any:
        """Return boto3's client of S3, for requests that obstore doesn't support."""
        return await run_blocking(lambda _token: self._access.boto3_client())

    async def check_exists(self, key: str) -> None:
        """Raise `ArtifactNotFound` if there is no such bucket; `key` is of a missing object."""
        if self._seen:
            return
        try:
            # Only answers with a body distinguish a missing bucket from a missing object.
            await self.request(key, lambda store: store.get_async(key))
        except ArtifactNotFound:
            if not self._seen:
                raise

    async def tag_copy(self, key: str, to: str) -> None:
        """Set the tags for a copy's own name, if they differ from its source's."""
        tags = tags_of(self.name_of(to))
        if not self._keeps_tags or tags == tags_of(self.name_of(key)):
            return
        client = await self.boto3_client()
        known: dict[str, Any] = {"Bucket": self.name, "Key": self.name_of(to)}
        change = client.put_object_tagging if tags else client.delete_object_tagging
        if tags:
            tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
            known["Tagging"] = {"TagSet": tag_set}
        with boto3_faults(self._url_of(to)):
            await run_blocking(lambda _token: change(**known))

    async def put(
        self, key: str, put: Callable[[S3Store, dict[str, str]], Awaitable[Answer]]
    ) -> Answer:
        """Store an object with its tags, or without in a store that doesn't support tags."""
        tags = tags_of(self.name_of(key)) if self._keeps_tags else {}
        try:
            return await self.request(key, lambda store: put(store, tags))
        except (StorageInvalid, StorageUnavailable) as fault:
            if not tags or NOT_IMPLEMENTED not in fault.message:
                raise
        self._keeps_tags = False
        return await self.request(key, lambda store: put(store, {}))

    async def request(self, key: str, send: Callable[[S3Store], Awaitable[Answer]]) -> Answer:
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

    async def read(self, key: str, send: Callable[[S3Store], Awaitable[Answer]]) -> Answer:
        """Send a request for an object, as `request` does.

        Where credentials may list one folder alone, S3 says "denied" of what isn't there: a listing
        of the folder tells, so that it is `ArtifactNotFound` as elsewhere.
        """
        try:
            return await self.request(key, send)
        except AccessDenied as denied:
            # Rejected credentials have codes of their own.
            fault = denied.__cause__
            code = Refusal.of(fault).code if isinstance(fault, BaseError) else ""
            if code not in ("", "AccessDenied") or not await self._is_absent(key):
                raise
            raise ArtifactNotFound(f"{self._url_of(key)}: there is no such object") from denied

    async def _is_absent(self, key: str) -> bool:
        """Return whether a listing shows that there is no such object; False without one."""
        folder = key.rpartition("/")[0]

        async def first_page(store: S3Store) -> list[str]:
            pages = obstore.list(store, folder or None, offset=key[:-1], chunk_size=_LOOK)
            async for page in pages:
                return [meta["path"] for meta in page]
            return []

        try:
            names = await self.request(key, first_page)
        except HeliosError:
            return False
        return key not in names and (len(names) < _LOOK or names[-1] > key)

    async def _send(self, send: Callable[[S3Store], Awaitable[Answer]]) -> Answer:
        store = self._opened
        if store is None:
            store = self._opened = await run_blocking(lambda _token: self._access.open())
        answer = await send(store)
        self._seen = True
        return answer

    def _error(self, key: str, fault: Exception) -> HeliosError:
        refusal = Refusal.of(fault)
        url = self._url_of(key)
        if refusal.code == "NoSuchBucket":
            return ArtifactNotFound(f"s3://{self.name}: there is no such bucket")
        if isinstance(fault, FileNotFoundError):
            self._seen = self._seen or bool(refusal.code)
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

    def _url_of(self, key: str) -> str:
        return f"s3://{self.name}/{self.name_of(key)}"
