"""Parses storage URLs, and opens storages."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from helios.errors import StorageInvalid
from helios.storage.base import ArtifactStorage
from helios.storage.keys import check_key

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_HINT = "Give a folder, file:///folder, s3://bucket/prefix or gs://bucket/prefix."

_CLOUD_STORAGE = re.compile(r"(?:s3|gs)://", re.IGNORECASE)


def is_storage_url(text: str) -> bool:
    """Return whether a text is a URL of S3 or Google Cloud Storage."""
    return _CLOUD_STORAGE.match(text) is not None


def open_storage(url: str, *, env: Mapping[str, str] | None = None) -> ArtifactStorage:
    """Open the storage with a URL.

    Raises `StorageInvalid` if the URL isn't a storage URL.

    Args:
        url: A folder's path, `file:///folder`, `s3://bucket/prefix` or `gs://bucket/prefix`.
        env: Environment variables with endpoints and credentials; this process's own by default.
    """
    scheme, rest = _split_scheme(url)
    if scheme == "file":
        return _local(_local_path(url, rest))
    bucket, prefix = _bucket_and_prefix(url, rest)
    settings = os.environ if env is None else env
    if scheme == "s3":
        from helios.storage.s3 import S3Storage  # noqa: PLC0415 - loads obstore

        return S3Storage(bucket, prefix=prefix, env=settings)
    from helios.storage.gcs import GcsStorage  # noqa: PLC0415 - loads google-cloud-storage

    return GcsStorage(bucket, prefix=prefix, env=settings)


def split_url(url: str) -> tuple[str, str]:
    """Split an object's URL into the URL of its folder, and its key.

    Raises `StorageInvalid` if the URL isn't one of an object.
    """
    scheme, rest = _split_scheme(url)
    if scheme == "file":
        path = _local_path(url, rest)
        base, key = path.rpartition("/")[::2]
        if "://" in url:
            base = f"file://{quote(base)}"
        base = base or ("/" if path.startswith("/") else ".")
    else:
        bucket, name = _bucket_and_prefix(url, rest)
        folder, _, key = name.rpartition("/")
        base = f"{scheme}://{bucket}/{folder}".rstrip("/")
    if not key:
        raise StorageInvalid(f"{url!r} names a folder, not an object")
    check_key(key)
    return base, key


def bucket_of(url: str) -> tuple[str | None, str]:
    """Split a storage's URL into bucket URL and folder; the bucket is None for local folders.

    Raises `StorageInvalid` if the URL isn't a storage URL.
    """
    scheme, rest = _split_scheme(url)
    if scheme == "file":
        return None, ""
    bucket, prefix = _bucket_and_prefix(url, rest)
    return f"{scheme}://{bucket}", prefix


def _split_scheme(url: str) -> tuple[str, str]:
    match = _SCHEME.fullmatch(url)
    scheme, rest = (match[1].lower(), match[2]) if match else ("file", url)
    if scheme not in ("file", "s3", "gs"):
        raise StorageInvalid(f"{url!r} is not a storage URL: there is no {scheme}://", hint=_HINT)
    if not rest or "\0" in rest:
        raise StorageInvalid(f"{url!r} names no place for artifacts", hint=_HINT)
    return scheme, rest


def _local_path(url: str, rest: str) -> str:
    if "://" not in url:
        return rest
    # An empty host and localhost mean this machine.
    path = rest.removeprefix("localhost")
    if not path.startswith("/"):
        raise StorageInvalid(f"{url!r} names another machine; write file:///folder", hint=_HINT)
    path = unquote(path)
    # Comparing URLs with allowed prefixes requires an unambiguous path.
    if "\0" in path or ".." in path.split("/"):
        raise StorageInvalid(f"{url!r} leads elsewhere than it says", hint=_HINT)
    return path


def _local(path: str) -> ArtifactStorage:
    from helios.storage.local import LocalStorage  # noqa: PLC0415

    return LocalStorage(Path(path))


def _bucket_and_prefix(url: str, rest: str) -> tuple[str, str]:
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise StorageInvalid(f"{url!r}: {bucket!r} can't be the name of a bucket", hint=_HINT)
    prefix = prefix.rstrip("/")
    if prefix:
        check_key(prefix)
    return bucket, prefix
