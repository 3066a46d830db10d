"""Errors of files and stored objects."""

from helios.errors.base import HeliosError


class StorageError(HeliosError):
    """Unreadable or unwritable file or object."""


class OutputUnwritable(StorageError, code="OUTPUT_UNWRITABLE"):
    """An output can't be written (permissions, a read-only or missing folder)."""


class DiskFull(StorageError, code="DISK_FULL"):
    """There is no space left for the output or temporary files."""


class StorageInvalid(StorageError, code="STORAGE_INVALID"):
    """Invalid storage URL, or a key that leaves its folder."""


class ArtifactNotFound(StorageError, code="ARTIFACT_NOT_FOUND"):
    """An artifact, a bucket or a folder doesn't exist."""


class ArtifactCorrupt(StorageError, code="ARTIFACT_CORRUPT", retryable=True):
    """An artifact's digest differs from the recorded one: it is truncated or damaged."""


class AccessDenied(StorageError, code="ACCESS_DENIED"):
    """Storage or a worker refuses the credentials, or requires some."""


class StorageUnavailable(StorageError, code="STORAGE_UNAVAILABLE", retryable=True):
    """Storage was unavailable in several tries."""


class ArchiveInvalid(StorageError, code="ARCHIVE_INVALID"):
    """An archive, or a folder to pack, is too large or has entries that lead outside."""
