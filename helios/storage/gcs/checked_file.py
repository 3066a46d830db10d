"""A file whose digest is verified while it is uploaded."""

import hashlib
from pathlib import Path
from typing import BinaryIO

from helios.concurrency import CancelToken
from helios.errors import ArtifactCorrupt


class CheckedFile:
    """A file that fails to read to its end if its digest has changed.

    The upload then lacks its last bytes, and nothing is stored.
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
        """Read bytes; raise `ArtifactCorrupt` at the end of a changed file."""
        self._token.check()
        start = self._source.tell()
        data = self._source.read(size)
        # A retry reads some bytes again.
        self._digest.update(memoryview(data)[max(0, self._digested - start) :])
        self._digested = max(self._digested, start + len(data))
        if self._digested >= self._size and self._digest.hexdigest() != self._sha256:
            raise ArtifactCorrupt(f"{self._path}: the file changed while it was stored")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._source.tell()
