"""Interface of artifact storages."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from helios.contract.artifact import Artifact


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Metadata of an object in a storage.

    Attributes:
        key: Name relative to the storage's URL, with / between folders.
        bytes: Size in bytes.
        version: Entity tag or generation, which changes with the object.
        modified: Time of the last write.
        sha256: Hexadecimal digest, if the storage records it; listings may omit it.
    """

    key: str
    bytes: int
    version: str
    modified: datetime
    sha256: str | None = None


class ArtifactStorage(ABC):
    """Storage of artifacts under one URL.

    Keys are relative to the URL, with / between folders, and can't lead outside. Tasks may share a
    storage. Throttled and interrupted requests are retried internally.

    Every method raises `StorageInvalid` for a key that leaves its folder, `AccessDenied` for
    insufficient credentials, and `StorageUnavailable` if the storage doesn't answer.

    Args:
        url: Such as `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def url_of(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{key}"

    @abstractmethod
    async def put_file(self, key: str, path: Path) -> Artifact:
        """Store a file, in parallel parts if it is large; return its URL, size and digest.

        The write is atomic, and the digest is stored with the object.
        """

    @abstractmethod
    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        """Store bytes under a key, replacing any object there."""

    @abstractmethod
    async def create(self, key: str, data: bytes) -> bool:
        """Store bytes unless the key exists, atomically; return False if it exists."""

    @abstractmethod
    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        """Fetch an object to a file, which appears when complete.

        Args:
            sha256: Expected digest; by default the one stored with the object.

        Raises:
            ArtifactNotFound: There is no such object.
            ArtifactCorrupt: The bytes have another digest.
        """

    @abstractmethod
    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        """Return an object's bytes.

        Args:
            limit: Largest size in bytes; for larger objects, `PayloadTooLarge` is raised.

        Raises `ArtifactNotFound`, `ArtifactCorrupt` or `PayloadTooLarge`.
        """

    @abstractmethod
    async def copy(self, key: str, to: str) -> Artifact:
        """Copy an object to another key inside the storage.

        S3 copies objects of up to 5 GB.

        Raises:
            ArtifactNotFound: There is no such object.
        """

    @abstractmethod
    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return an object's bytes from `start` up to, but without, `end`.

        The result is shorter if the object ends earlier.

        Raises:
            ArtifactNotFound: There is no such object.
        """

    @abstractmethod
    async def compose(
        self,
        key: str,
        sources: Sequence[str],
        *,
        scratch: str,
        sizes: Sequence[int] | None = None,
    ) -> Artifact:
        """Concatenate objects inside the storage, transferring as few bytes as possible.

        The digest of the new object isn't known. A repeated call resumes an interrupted one.

        Args:
            sources: Keys of the objects, in order; at least one.
            scratch: Prefix of keys for temporary objects, which are deleted.
            sizes: Size of each source in bytes; by default they are requested.

        Raises:
            ArtifactNotFound: A source doesn't exist.
        """

    @abstractmethod
    async def stat(self, key: str) -> StoredObject | None:
        """Return an object's metadata; None if it doesn't exist."""

    @abstractmethod
    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        """Return the objects whose keys begin with a prefix, sorted by key.

        Args:
            after: Only keys that come after this one.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete an object, if it exists."""

    @abstractmethod
    async def delete_prefix(self, prefix: str) -> int:
        """Delete all objects whose keys begin with a non-empty prefix; return their number."""

    @abstractmethod
    async def presigned_url(self, key: str, *, expires: float) -> str:
        """Return a URL with which anyone can fetch the object for `expires` seconds."""

    @abstractmethod
    async def close(self) -> None:
        """Close connections."""
