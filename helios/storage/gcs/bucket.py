"""A bucket of Google Cloud Storage, as Google's client offers it.

The client takes a second to import. It is imported by the first request, in that request's thread.
"""

import contextlib
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from helios.errors import ArtifactNotFound
from helios.storage.gcs.credentials import default_credentials
from helios.storage.keys import is_intermediate

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

    def key_of(self, name: str) -> str:
        """Return the key of an object with this full name."""
        return name.removeprefix(self._above)

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
            self.open().blob(self._above + key).delete(**self.how)
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


def digest_of(blob: "Blob") -> str | None:
    """Return the digest that is stored with an object."""
    return (blob.metadata or {}).get(_SHA256)


def writer_of(blob: "Blob") -> str | None:
    """Return the writer that is stored with an object."""
    return (blob.metadata or {}).get(_WRITER)
