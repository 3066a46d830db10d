"""Artifact storage: a local folder, S3 or Google Cloud Storage, chosen by URL."""

from helios.storage.base import ArtifactStorage, StoredObject

__all__ = ["ArtifactStorage", "StoredObject"]
