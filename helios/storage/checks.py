"""Argument checks shared by all storages."""

from pathlib import Path
from typing import BinaryIO

from helios.errors import ArtifactCorrupt, ArtifactNotFound, OptionInvalid, PayloadTooLarge

#: Longest validity of a presigned URL in seconds, in S3 and Google Cloud Storage.
MAX_EXPIRY = 7 * 24 * 3600


def open_source(path: Path) -> BinaryIO:
    """Open a file to store; raise `ArtifactNotFound` if it doesn't exist."""
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise ArtifactNotFound(f"{path}: there is no such file to store") from None


def check_digest(url: str, found: str, expected: str | None) -> None:
    """Raise `ArtifactCorrupt` if a digest differs from the expected one, if there is any."""
    if expected is not None and found != expected:
        raise ArtifactCorrupt(f"{url} has the digest {found}, but {expected} was recorded")


def check_size(url: str, size: int, limit: int | None) -> None:
    """Raise `PayloadTooLarge` if an object exceeds the limit, if there is any."""
    if limit is not None and size > limit:
        raise PayloadTooLarge(f"{url} has {size} bytes, more than the {limit} allowed")


def check_expiry(expires: float) -> float:
    """Return the validity of a presigned URL in seconds; raise `OptionInvalid` if out of range."""
    if not 1 <= expires <= MAX_EXPIRY:
        raise OptionInvalid(
            f"a presigned URL can't last {expires:g} s", hint=f"Give 1 to {MAX_EXPIRY} s."
        )
    return expires
