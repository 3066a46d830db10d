"""Artifact storage: a local folder, S3 or Google Cloud Storage, chosen by URL."""

from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.shared import SharedStorages
from helios.storage.urls import is_storage_url, open_storage, split_url

__all__ = [
    "ArtifactStorage",
    "SharedStorages",
    "StoredObject",
    "is_storage_url",
    "open_storage",
    "split_url",
]
