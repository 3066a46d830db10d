"""Google Cloud Storage as artifact storage.

Google's client takes a second to import, so that it is imported when the first request is made,
in the thread that makes it.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar
from urllib.parse import quote

from helios.concurrency import CancelToken, run_blocking
from helios.contract.worker_job import Artifact
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
from helios.storage.keys import (
    check_deletable,
    check_key,
    check_prefix,
    content_type,
    is_intermediate,
)
from helios.storage.parts import PARALLEL, PART, Lanes, digest_of, write_parts

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

Answer = TypeVar("Answer")

#: Seconds for which a request that may heal is tried again.
RETRY_SECONDS = 60.0
#: Seconds to wait for a connection, and for the next bytes.
_TIMEOUT = 30.0
#: Objects that Google joins by one request.
_COMPOSED = 32
#: Times that an object is read which is replaced between asking for it and reading it.
_MOST_READS = 5
#: Metadata with an object's digest.
_SHA256 = "sha256"
#: Metadata that tells who created an object, so that a lost answer isn't taken for a lost race.
_WRITER = "writer"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GcsStorage(ArtifactStorage):
    """Artifacts in a bucket of Google Cloud Storage.

    Parameters
    ----------
    bucket:
        The bucket's name.
    prefix:
        Folder in it that keys are relative to; may be empty.
    env:
        `STORAGE_EMULATOR_HOST`: a local server, which asks for no credentials. Others are the
        application default credentials, which Google's client looks for by itself.
    retry_seconds:
        Seconds for which requests that may heal are tried again.
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
        self._name = bucket
        self._above = f"{prefix}/" if prefix else ""
        self._env = env
        self._retry_seconds = retry_seconds
        # As many as there are connections that Google's client keeps open, or nearly.
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="gcs")
        self._opening = threading.Lock()
        self._opened: Bucket | None = None
        self._lanes = Lanes()
        # Whether the bucket ever answered, so that what is missing is an object.
        self._bucket_seen = False

    async def put_file(self, key: str, path: Path) -> Artifact:
        check_key(key)

        def put(token: CancelToken) -> Artifact:
            with open_source(path) as source:
                sha256, size = digest_of(source, token)
                source.seek(0)
                blob = self._blob(key, sha256=sha256)
                # Large files go in several requests, each of which is tried again by itself.
                blob.chunk_size = PART
                unchanged = _Unchanged(source, path, size=size, sha256=sha256, token=token)
                blob.upload_from_file(
                    unchanged, size=size, content_type=content_type(key), **self._how
                )
            return Artifact(url=self.url_of(key), sha256=sha256, bytes=size)

        return await self._request(key, put)

    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        check_key(key)
        sha256 = hashlib.sha256(data).hexdigest()

        def put(_token: CancelToken) -> None:
            blob = self._blob(key, sha256=sha256)
            blob.upload_from_string(data, content_type=content_type(key), **self._how)

        await self._request(key, put)
        return Artifact(url=self.url_of(key), sha256=sha256, bytes=len(data))

    async def create(self, key: str, data: bytes) -> bool:
        check_key(key)
        writer = secrets.token_hex(16)

        def create(_token: CancelToken) -> bool:
            from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415

            blob = self._blob(key, sha256=hashlib.sha256(data).hexdigest(), writer=writer)
            try:
                blob.upload_from_string(
                    data, content_type=content_type(key), if_generation_match=0, **self._how
                )
            except PreconditionFailed:
                there = self._get_blob(key)
                return there is not None and _metadata(there).get(_WRITER) == writer
            return True

        return await self._request(key, create)

    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        check_key(key)
        blob = await self._request(key, lambda _token: self._find(key))
        with whole_output(path) as folder, (folder / "whole").open("xb") as sink:
            found = await self._fetch(key, blob, sink)
            check_digest(self.url_of(key), found, sha256 or _metadata(blob).get(_SHA256))
        return Artifact(url=self.url_of(key), sha256=found, bytes=blob.size)

    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        check_key(key)

        def get(_token: CancelToken) -> bytes:
            for _ in range(_MOST_READS):
                blob = self._find(key)
                check_size(self.url_of(key), blob.size, limit)
                data = self._read(blob)
                if data is not None:
                    found = hashlib.sha256(data).hexdigest()
                    check_digest(self.url_of(key), found, _metadata(blob).get(_SHA256))
                    return data
            raise StorageUnavailable(f"{self.url_of(key)} was replaced each time it was read")

        return await self._request(key, get)

    async def copy(self, key: str, to: str) -> Artifact:
        check_key(key)
        check_key(to)

        def copy(token: CancelToken) -> Artifact:
            source, target = self._find(key), self._blob(to)
            # The new object's metadata replaces all of the old one's.
            target.metadata = source.metadata
            target.content_type = source.content_type
            # Large objects take several requests.
            token, _, _ = target.rewrite(source, **self._how)
            while token is not None:
                token.check()
                token, _, _ = target.rewrite(source, token=token, **self._how)
            return Artifact(
                url=self.url_of(to), sha256=_metadata(source).get(_SHA256), bytes=source.size
            )

        return await self._request(key, copy)

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        check_key(key)

        def get(_token: CancelToken) -> bytes:
            blob = self._bucket().blob(self._above + key)
            data: bytes = blob.download_as_bytes(
                start=start, end=end - 1, raw_download=True, checksum=None, **self._how
            )
            return data

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
            blob = self._blob(key)
            blob.content_type = content_type(key)
            parts = [self._bucket().blob(self._above + source) for source in sources]
            blob.compose(parts, **self._how)
            return int(blob.size)

        return await self._request(key, compose)

    async def stat(self, key: str) -> StoredObject | None:
        check_key(key)

        def stat(_token: CancelToken) -> StoredObject | None:
            blob = self._get_blob(key)
            return self._stored(blob) if blob is not None else None

        return await self._request(key, stat)

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        check_prefix(prefix)
        # Google begins with the key itself.
        start = {"start_offset": self._above + after} if after else {}

        def find(token: CancelToken) -> Sequence[StoredObject]:
            bucket = self._bucket()
            found = []
            for blob in bucket.list_blobs(prefix=self._above + prefix, **start, **self._how):
                token.check()
                found.append(self._stored(blob))
            return sorted(
                (entry for entry in found if entry.key > after), key=lambda entry: entry.key
            )

        return await self._request(prefix, find)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._request(key, lambda _token: self._delete(key))

    async def delete_prefix(self, prefix: str) -> int:
        check_deletable(prefix)
        keys = [entry.key for entry in await self.list(prefix)]
        # The pool bounds how many go at once.
        await asyncio.gather(*(self.delete(key) for key in keys))
        return len(keys)

    async def presigned_url(self, key: str, *, expires: float) -> str:
        check_key(key)
        period = timedelta(seconds=check_expiry(expires))

        def sign(_token: CancelToken) -> str:
            name = self._above + key
            if self._emulator and not self._env.get("GOOGLE_APPLICATION_CREDENTIALS"):
                # There is no key to sign with, and an emulator doesn't ask for signatures.
                path = f"{self._name}/o/{quote(name, safe='')}"
                return f"{self._emulator}/storage/v1/b/{path}?alt=media"
            return str(
                self._blob(key).generate_signed_url(
                    version="v4",
                    expiration=period,
                    api_access_endpoint=self._emulator or "https://storage.googleapis.com",
                    **_signer(_credentials()),
                )
            )

        return await self._request(key, sign)

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.client.close()
        self._pool.shutdown(wait=False)

    async def _request(self, key: str, send: Callable[[CancelToken], Answer]) -> Answer:
        def guarded(token: CancelToken) -> Answer:
            with self._faults(key):
                return send(token)

        return await run_blocking(guarded, pool=self._pool)

    @property
    def _emulator(self) -> str | None:
        host = self._env.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
        return host if not host or "://" in host else f"http://{host}"

    def _bucket(self) -> "Bucket":
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> "Bucket":
        # Asks about the bucket itself, for traces that are not collected and with rights that a
        # worker doesn't need.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.cloud import storage  # noqa: PLC0415

        if self._emulator:
            client = storage.Client(
                project="emulator",
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": self._emulator},
            )
        else:
            # The project of a bucket is known without naming it.
            client = storage.Client(project="-", credentials=_credentials())
        return client.bucket(self._name)

    @property
    def _how(self) -> dict[str, Any]:
        """How requests are made: for how long to wait, and to try again."""
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        retry = DEFAULT_RETRY.with_delay(initial=0.2, maximum=10).with_timeout(self._retry_seconds)
        return {"timeout": _TIMEOUT, "retry": retry}

    def _blob(self, key: str, *, sha256: str | None = None, writer: str | None = None) -> "Blob":
        blob = self._bucket().blob(self._above + key)
        metadata = {_SHA256: sha256, _WRITER: writer}
        if kept := {name: value for name, value in metadata.items() if value}:
            blob.metadata = kept
        if is_intermediate(blob.name):
            # What lifecycles count days from, for objects that have it.
            blob.custom_time = datetime.now(UTC)
        return blob

    def _find(self, key: str) -> "Blob":
        blob = self._get_blob(key)
        if blob is None:
            raise ArtifactNotFound(f"{self.url_of(key)}: there is no such object")
        return blob

    def _get_blob(self, key: str) -> "Blob | None":
        blob = self._bucket().get_blob(self._above + key, **self._how)
        if blob is None:
            self._check_bucket()
        return blob

    def _check_bucket(self) -> None:
        """Tell a missing bucket from a missing object, which answers don't."""
        from google.api_core.exceptions import Forbidden, NotFound  # noqa: PLC0415

        if self._bucket_seen:
            return
        with contextlib.suppress(Forbidden):
            try:
                next(iter(self._bucket().list_blobs(max_results=1, **self._how)), None)
            except NotFound:
                raise ArtifactNotFound(f"gs://{self._name}: there is no such bucket") from None
        self._bucket_seen = True

    def _delete(self, key: str) -> None:
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        try:
            self._bucket().blob(self._above + key).delete(**self._how)
        except NotFound:
            self._check_bucket()

    def _pinned(self, blob: "Blob") -> "Blob":
        """Return an object in the generation that was found, whatever replaces it."""
        return self._bucket().blob(blob.name, generation=blob.generation)

    def _read(self, blob: "Blob") -> bytes | None:
        """Return the bytes of what was found, or None if it has been replaced or removed since."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        try:
            data: bytes = self._pinned(blob).download_as_bytes(raw_download=True, **self._how)
        except NotFound:
            return None
        return data

    async def _fetch(self, key: str, blob: "Blob", sink: BinaryIO) -> str:
        # Parts of two generations of an object would make a third one.
        pinned = self._pinned(blob)

        def part(start: int, end: int) -> bytes:
            from google.api_core.exceptions import NotFound  # noqa: PLC0415

            try:
                data: bytes = pinned.download_as_bytes(
                    start=start, end=end - 1, raw_download=True, checksum=None, **self._how
                )
            except NotFound as fault:
                raise ArtifactCorrupt(
                    f"{self.url_of(key)} was replaced while it was fetched"
                ) from fault
            return data

        async def fetch(start: int, end: int) -> bytes:
            return await self._request(key, lambda _token: part(start, end))

        with self._lanes as lanes:
            return await write_parts(sink, blob.size, fetch, lanes=lanes)

    def _stored(self, blob: "Blob") -> StoredObject:
        return StoredObject(
            key=blob.name.removeprefix(self._above),
            bytes=blob.size,
            version=str(blob.generation),
            modified=blob.updated or datetime.now(UTC),
            sha256=_metadata(blob).get(_SHA256),
        )

    @contextlib.contextmanager
    def _faults(self, key: str) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPICallError, NotFound, RetryError  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415

        url = self.url_of(key)
        try:
            yield
        except NotFound as fault:
            self._check_bucket()
            raise ArtifactNotFound(f"{url}: there is no such object") from fault
        except DataCorruption as fault:
            raise ArtifactCorrupt(f"{url}: {fault}") from fault
        except GoogleAPICallError as fault:
            raise _refusal(url, fault.code, fault.message) from fault
        except InvalidResponse as fault:
            raise _refusal(url, fault.response.status_code, fault.response.text) from fault
        except (TransportError, RequestException, RetryError, ConnectionError) as fault:
            raise StorageUnavailable(f"{url}: {fault}") from fault
        except GoogleAuthError as fault:
            raise AccessDenied(
                f"{url}: {fault}", hint="Log in: `gcloud auth application-default login`."
            ) from fault


class _Unchanged:
    """A file to read that is refused if it isn't the one that was digested.

    It is refused in place of its last bytes, without which nothing is stored.
    """

    def __init__(
        self, source: BinaryIO, path: Path, *, size: int, sha256: str, token: CancelToken
    ) -> None:
        self._source = source
        self._path = path
        self._size = size
        self._sha256 = sha256
        self._token = token
        self._digest = hashlib.sha256()
        self._digested = 0

    def read(self, size: int = -1) -> bytes:
        self._token.check()
        start = self._source.tell()
        data = self._source.read(size)
        # After a failure, some bytes are read again.
        self._digest.update(memoryview(data)[max(0, self._digested - start) :])
        self._digested = max(self._digested, start + len(data))
        if self._digested >= self._size and self._digest.hexdigest() != self._sha256:
            raise ArtifactCorrupt(f"{self._path}: the file changed while it was stored")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()


def _credentials() -> Any:
    """Return the application default credentials."""
    from google.auth import default  # noqa: PLC0415

    return default(scopes=[_SCOPE])[0]


def _signer(credentials: Any) -> dict[str, Any]:
    """Return what signs URLs: a key at hand, or the service account's key that Google keeps."""
    from google.auth.credentials import Signing  # noqa: PLC0415

    if isinstance(credentials, Signing):
        return {"credentials": credentials}
    if not hasattr(credentials, "service_account_email"):
        raise AccessDenied(
            "a person's credentials can't sign URLs",
            hint="Use a service account: `gcloud auth application-default login "
            "--impersonate-service-account ACCOUNT`.",
        )
    from google.auth.transport.requests import Request  # noqa: PLC0415

    credentials.refresh(Request())
    account = credentials.service_account_email
    return {"service_account_email": account, "access_token": credentials.token}


def _refusal(url: str, status: int | None, reason: str) -> HeliosError:
    """Return the error that tells what a server answered."""
    text = f"{url}: {status} {reason[:500]}"
    if status in (401, 403):
        return AccessDenied(text, hint="Check the account's rights in the bucket.")
    if status is not None and 400 <= status < 500 and status not in (408, 429):
        return StorageInvalid(text)
    return StorageUnavailable(text)


def _metadata(blob: "Blob") -> dict[str, str]:
    return blob.metadata or {}
