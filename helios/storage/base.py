"""The interface of artifact storages."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from helios.contract.worker_job import Artifact


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a storage knows of one of its objects.

    Attributes
    ----------
    key:
        Its name below the storage's URL, with / between folders.
    bytes:
        Its size.
    version:
        Changes whenever the object does: an entity tag or a generation.
    modified:
        When it was written.
    sha256:
        Its digest, hexadecimal, where the storage keeps it; listings may leave it out.
    """

    key: str
    bytes: int
    version: str
    modified: datetime
    sha256: str | None = None


class ArtifactStorage(ABC):
    """A place for artifacts below one URL.

    Keys are relative to that URL, with / between folders, and never lead outside of it. Safe to
    use from many tasks at once. What may heal (a throttled or broken request) is tried again
    inside; what is raised is final as far as the storage is concerned.

    Every method raises `StorageInvalid` for a key that leaves its folder, `AccessDenied` where
    credentials don't suffice, and `StorageUnavailable` where the storage doesn't answer.

    Parameters
    ----------
    url:
        Such as `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def url_of(self, key: str) -> str:
        """Return the URL of an object."""
        return f"{self.url}/{key}"

    @abstractmethod
    async def put_file(self, key: str, path: Path) -> Artifact:
        """Store a file, in parallel parts if it is large; return its URL, size and digest.

        The object appears whole or not at all, its digest is kept with it.
        """

    @abstractmethod
    async def put_bytes(self, key: str, data: bytes) -> Artifact:
        """Store bytes under a key, whatever was there before."""

    @abstractmethod
    async def create(self, key: str, data: bytes) -> bool:
        """Store bytes unless the key exists, decided by the storage; False if it did."""

    @abstractmethod
    async def get_file(self, key: str, path: Path, *, sha256: str | None = None) -> Artifact:
        """Fetch an object into a file that appears under its name only when it is whole.

        Parameters
        ----------
        sha256:
            Digest that the bytes must have; by default the one that is kept with the object.

        Raises
        ------
        ArtifactNotFound
            There is no such object.
        ArtifactCorrupt
            The bytes have another digest.
        """

    @abstractmethod
    async def get_bytes(self, key: str, *, limit: int | None = None) -> bytes:
        """Return an object's bytes.

        Parameters
        ----------
        limit:
            Bytes beyond which it is refused with `PayloadTooLarge`, before it is read whole.

        Raises
        ------
        ArtifactNotFound, ArtifactCorrupt, PayloadTooLarge
        """

    @abstractmethod
    async def copy(self, key: str, to: str) -> Artifact:
        """Store an object under another key as well, without bringing it here.

        S3 copies objects of up to 5 GB.

        Raises
        ------
        ArtifactNotFound
            There is no such object.
        """

    @abstractmethod
    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """Return some of an object's bytes: those from `start` on, before `end`.

        There are fewer where the object ends earlier.

        Raises
        ------
        ArtifactNotFound
            There is no such object.
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
        """Make one object of others, one after another, with as few bytes as possible coming here.

        The digest of the new object isn't known. After an interruption the same call may go on
        where it ended.

        Parameters
        ----------
        sources:
            Keys of the others; at least one, in their order.
        scratch:
            What the keys of objects begin with that are needed on the way; they are removed.
        sizes:
            Bytes of each source, which are asked for otherwise.

        Raises
        ------
        ArtifactNotFound
            One isn't there.
        """

    @abstractmethod
    async def stat(self, key: str) -> StoredObject | None:
        """Return an object's size and digest; None if it isn't there."""

    @abstractmethod
    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        """Return the objects whose keys begin with a prefix, in the order of their keys.

        Parameters
        ----------
        after:
            Only keys that come after this one. Storages needn't look at others for it.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Remove an object; one that isn't there is no error."""

    @abstractmethod
    async def delete_prefix(self, prefix: str) -> int:
        """Remove all objects whose keys begin with a non-empty prefix; return how many."""

    @abstractmethod
    async def presigned_url(self, key: str, *, expires: float) -> str:
        """Return a URL by which anyone may fetch the object for `expires` seconds."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""
