"""A bucket of Google Cloud Storage, as Google's client offers it.

The client takes a second to import. It is imported by the first request, in that request's thread.
"""

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from helios.errors import ArtifactNotFound
from helios.storage.base import StoredObject
from helios.storage.gcs.credentials import default_credentials, signer
from helios.storage.keys import content_type, is_intermediate

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

#: Seconds for which a request whose failure may be temporary is retried.
RETRY_SECONDS = 60.0
#: Seconds to wait for a connection, and for the next bytes.
_TIMEOUT = 30.0
#: Metadata with an object's digest.
_SHA256 = "sha256"
#: Metadata that identifies the creator of an object: a retry recognises its own earlier success.
_WRITER = "writer"


class GcsBucket:
    """Objects of one folder of a bucket; all methods block. See `GcsStorage` for parameters."""

    def __init__(
        self, name: str, *, prefix: str, env: Mapping[str, str], retry_seconds: float
    ) -> None:
        self.name = name
        self._above = f"{prefix}/" if prefix else ""
        self._env = env
        self._retry_seconds = retry_seconds
        self._opening = threading.Lock()
        self._opened: Bucket | None = None
        # Whether a request succeeded, which shows that the bucket exists.
        self._exists = False

    def name_of(self, key: str) -> str:
        """Return the full name of an object."""
        return self._above + key

    def close(self) -> None:
        """Close the connections."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.client.close()

    @property
    def emulator(self) -> str | None:
        """URL of the emulator, if one is configured."""
        host = self._env.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
        return host if not host or "://" in host else f"http://{host}"

    def open(self) -> "Bucket":
        """Return the bucket of Google's client."""
        with self._opening:
            if self._opened is None:
                self._opened = self._connect()
            return self._opened

    def _connect(self) -> "Bucket":
        # For traces, which aren't collected, the client requests the bucket's own metadata, with
        # a permission that workers don't have.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.cloud import storage  # noqa: PLC0415

        if self.emulator:
            client = storage.Client(
                project="emulator",
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": self.emulator},
            )
        else:
            # Requests for a bucket need no project.
            client = storage.Client(project="-", credentials=default_credentials())
        return client.bucket(self.name)

    @property
    def how(self) -> dict[str, Any]:
        """Timeout and retries of a request."""
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        retry = DEFAULT_RETRY.with_delay(initial=0.2, maximum=10).with_timeout(self._retry_seconds)
        return {"timeout": _TIMEOUT, "retry": retry}

    def blob(self, key: str, *, sha256: str | None = None, writer: str | None = None) -> "Blob":
        """Return a new object with its metadata."""
        blob = self.open().blob(self._above + key)
        metadata = {_SHA256: sha256, _WRITER: writer}
        if kept := {name: value for name, value in metadata.items() if value}:
            blob.metadata = kept
        if is_intermediate(blob.name):
            # Lifecycle rules for these objects count days from the custom time.
            blob.custom_time = datetime.now(UTC)
        return blob

    def handle(self, key: str) -> "Blob":
        """Return a handle on an object, without a request."""
        return self.open().blob(self.name_of(key))

    def find(self, key: str) -> "Blob":
        """Return an object; raise `ArtifactNotFound` if it doesn't exist."""
        blob = self.get(key)
        if blob is None:
            raise ArtifactNotFound(f"gs://{self.name}/{self.name_of(key)}: there is no such object")
        return blob

    def get(self, key: str) -> "Blob | None":
        """Return an object; None if it doesn't exist."""
        blob = self.open().get_blob(self._above + key, **self.how)
        if blob is None:
            self.check_exists()
        return blob

    def check_exists(self) -> None:
        """Raise `ArtifactNotFound` if there is no such bucket, which other answers don't show."""
        from google.api_core.exceptions import Forbidden, NotFound  # noqa: PLC0415

        if self._exists:
            return
        with contextlib.suppress(Forbidden):
            try:
                next(iter(self.open().list_blobs(max_results=1, **self.how)), None)
            except NotFound:
                raise ArtifactNotFound(f"gs://{self.name}: there is no such bucket") from None
        self._exists = True

    def delete(self, key: str) -> None:
        """Delete an object, if it exists."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        try:
            self.handle(key).delete(**self.how)
        except NotFound:
            self.check_exists()

    def pinned(self, blob: "Blob") -> "Blob":
        """Return a handle on this generation of an object, even if it is replaced."""
        return self.open().blob(blob.name, generation=blob.generation)

    def read(self, blob: "Blob") -> bytes | None:
        """Return the bytes of this generation of an object; None if it was replaced or deleted."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415

        try:
            data: bytes = self.pinned(blob).download_as_bytes(raw_download=True, **self.how)
        except NotFound:
            return None
        return data

    def create(self, key: str, data: bytes) -> bool:
        """Store bytes unless the object exists; return whether this call created it."""
        from google.api_core.exceptions import PreconditionFailed  # noqa: PLC0415

        writer = secrets.token_hex(16)
        blob = self.blob(key, sha256=hashlib.sha256(data).hexdigest(), writer=writer)
        try:
            blob.upload_from_string(
                data, content_type=content_type(key), if_generation_match=0, **self.how
            )
        except PreconditionFailed:
            there = self.get(key)
            return there is not None and (there.metadata or {}).get(_WRITER) == writer
        return True

    def stored(self, blob: "Blob") -> StoredObject:
        """Return an object's metadata."""
        return StoredObject(
            key=blob.name.removeprefix(self._above),
            bytes=blob.size,
            version=str(blob.generation),
            modified=blob.updated or datetime.now(UTC),
            sha256=digest_of(blob),
        )

    def read_range(self, blob: "Blob", start: int, end: int) -> bytes:
        """Return an object's bytes from `start` up to, but without, `end`."""
        data: bytes = blob.download_as_bytes(
            start=start, end=end - 1, raw_download=True, checksum=None, **self.how
        )
        return data

    def signed_url(self, key: str, period: timedelta) -> str:
        """Return a URL with which anyone can fetch an object."""
        if self.emulator and not self._env.get("GOOGLE_APPLICATION_CREDENTIALS"):
            # Emulators don't verify signatures, and there is no key to sign with.
            path = f"{self.name}/o/{quote(self.name_of(key), safe='')}"
            return f"{self.emulator}/storage/v1/b/{path}?alt=media"
        return str(
            self.handle(key).generate_signed_url(
                version="v4",
                expiration=period,
                api_access_endpoint=self.emulator or "https://storage.googleapis.com",
                **signer(default_credentials()),
            )
        )


def digest_of(blob: "Blob") -> str | None:
    """Return the digest that is stored with an object."""
    return (blob.metadata or {}).get(_SHA256)
