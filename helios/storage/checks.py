"""Argument checks that all storages share."""

from pathlib import Path
from typing import BinaryIO

from helios.errors import ArtifactCorrupt, ArtifactNotFound, OptionInvalid, PayloadTooLarge

#: Seconds that a presigned URL may last, in S3 and in Google Cloud Storage: seven days.
MAX_EXPIRY = 7 * 24 * 3600


def open_source(path: Path) -> BinaryIO:
    """Open a file that is to be stored.

    Raises
    ------
    ArtifactNotFound
        There is no such file.
    """
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ArtifactNotFound(f"{path}: there is no such file to store") from None


def check_digest(url: str, found: str, expected: str | None) -> None:
    """Refuse bytes that have another digest than the one that is known, if any is.

    Raises
    ------
    ArtifactCorrupt
    """
    if expected is not None and found != expected:
        raise ArtifactCorrupt(f"{url} has the digest {found}, but {expected} was recorded")


def check_size(url: str, size: int, limit: int | None) -> None:
    """Refuse an object with more bytes than allowed.

    Raises
    ------
    PayloadTooLarge
    """
    if limit is not None and size > limit:
        raise PayloadTooLarge(f"{url} has {size} bytes, more than the {limit} allowed")


def check_expiry(expires: float) -> float:
    """Return the seconds that a presigned URL may last, if it may.

    Raises
    ------
    OptionInvalid
    """
    if not 1 <= expires <= MAX_EXPIRY:
        raise OptionInvalid(
            f"a presigned URL can't last {expires:g} s", hint=f"Give 1 to {MAX_EXPIRY} s."
        )
    return expires
