"""The format of an asset archive: its name, its top folder, its limits."""

import re
from dataclasses import dataclass

from helios.errors import ArchiveInvalid, StorageInvalid

#: The top folder of an archive, with the content of the composition's folder.
TOP_FOLDER = "composition"
#: Ending of archives: tar, compressed with Zstandard.
SUFFIX = ".tar.zst"

_TOO_LARGE = "Leave out what the composition doesn't need with a .heliosignore file."
_NAME = re.compile(r"(?:.*/)?([0-9a-f]{64})\.tar\.zst", re.DOTALL)
# On a web server, a signature may follow the name.
_QUERY = re.compile(r"(?<=\.tar\.zst)\?.*", re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """Limits of an unpacked archive.

    Args:
        entries: Number of files and folders.
        unpacked_bytes: Size of the tar file in bytes.
        ratio: Bytes of the tar file per compressed byte, beyond `free_bytes`.
        free_bytes: Size of the tar file in bytes up to which the ratio is not limited.
    """

    entries: int = 50_000
    unpacked_bytes: int = 4 * 1024**3
    ratio: float = 200
    free_bytes: int = 64 * 1024**2

    def check_entries(self, entries: int, *, of: str) -> None:
        """Raise `ArchiveInvalid` for too many entries."""
        if entries > self.entries:
            raise ArchiveInvalid(
                f"{of} holds more than {self.entries} files and folders", hint=_TOO_LARGE
            )

    def check_bytes(self, unpacked: int, *, of: str, packed: int | None = None) -> None:
        """Raise `ArchiveInvalid` for too many bytes, in total or per packed byte."""
        if unpacked > self.unpacked_bytes:
            raise ArchiveInvalid(
                f"{of} holds more than {self.unpacked_bytes} bytes", hint=_TOO_LARGE
            )
        if packed is not None and unpacked > self.free_bytes + self.ratio * packed:
            raise ArchiveInvalid(
                f"{of}: {packed} packed bytes hold more than {self.ratio:g} times that"
            )


def archive_name(sha256: str) -> str:
    """Return the storage key of an archive with this digest of its tar file."""
    return f"assets/{sha256}{SUFFIX}"


def is_on_web(url: str) -> bool:
    """Return whether a URL is http(s)."""
    return _WEB.match(url) is not None


def digest_in(url: str) -> str:
    """Return the digest in an archive's URL.

    Raises `StorageInvalid` if the URL isn't one of an archive.
    """
    match = _NAME.fullmatch(_QUERY.sub("", url) if is_on_web(url) else url)
    if match is None:
        raise StorageInvalid(
            f"{url!r} doesn't name assets", hint=f"Its name must be a sha256 and {SUFFIX}."
        )
    return match[1]
