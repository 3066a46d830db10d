"""Artifact storage: a local folder, S3 or Google Cloud Storage, chosen by URL."""

from helios.storage.base import ArtifactStorage, StoredObject
from helios.storage.urls import open_storage, split_url

__all__ = ["ArtifactStorage", "StoredObject", "open_storage", "split_url"]
