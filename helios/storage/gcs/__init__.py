"""Google Cloud Storage as artifact storage."""

from helios.storage.gcs.storage import GcsStorage

__all__ = ["GcsStorage"]
