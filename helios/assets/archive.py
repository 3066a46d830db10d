"""The format of an asset archive: its name, its top folder, its limits."""

import re
from dataclasses import dataclass

from helios.errors import ArchiveInvalid, StorageInvalid

#: The one folder at the top of an archive; it holds the composition's folder.
TOP_FOLDER = "composition"
#: How archives end: a tar file, compressed with Zstandard.
SUFFIX = ".tar.zst"

_TOO_LARGE = "Leave out what the composition doesn't need with a .heliosignore file."
_NAME = re.compile(r"(?:.*/)?([0-9a-f]{64})\.tar\.zst", re.DOTALL)
# On a web server the name may be followed by a signature.
_QUERY = re.compile(r"(?<=\.tar\.zst)\?.*", re.DOTALL)
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How large an archive may be, unpacked.

    Parameters
    ----------
    entries:
        Files and folders in it.
    unpacked_bytes:
        Bytes of the tar file in it.
    ratio:
        Bytes of the tar file for each compressed byte, on top of `free_bytes`.
    free_bytes:
        Bytes up to which any ratio is fine: small files may well be all zeros.
    """

    entries: int = 50_000
    unpacked_bytes: int = 4 * 1024**3
    ratio: float = 200
    free_bytes: int = 64 * 1024**2

    def check_entries(self, entries: int, *, of: str) -> None:
        """Refuse more entries of some folder or archive than allowed."""
        if entries > self.entries:
            raise ArchiveInvalid(
                f"{of} holds more than {self.entries} files and folders", hint=_TOO_LARGE
            )

    def check_bytes(self, unpacked: int, *, of: str, packed: int | None = None) -> None:
        """Refuse more bytes than allowed, alone or for what they were packed to."""
        if unpacked > self.unpacked_bytes:
            raise ArchiveInvalid(
                f"{of} holds more than {self.unpacked_bytes} bytes", hint=_TOO_LARGE
            )
        if packed is not None and unpacked > self.free_bytes + self.ratio * packed:
            raise ArchiveInvalid(
                f"{of}: {packed} packed bytes hold more than {self.ratio:g} times that"
            )


def archive_name(sha256: str) -> str:
    """Return the key under which an archive is stored, by the digest of the tar file in it."""
    return f"assets/{sha256}{SUFFIX}"


def is_on_web(url: str) -> bool:
    """Tell whether an archive is fetched from a web server."""
    return _WEB.match(url) is not None


def digest_in(url: str) -> str:
    """Return the digest that an archive's URL promises.

    Raises
    ------
    StorageInvalid
        The URL isn't that of an archive.
    """
    match = _NAME.fullmatch(_QUERY.sub("", url) if is_on_web(url) else url)
    if match is None:
        raise StorageInvalid(
            f"{url!r} doesn't name assets", hint=f"Its name must be a sha256 and {SUFFIX}."
        )
    return match[1]
