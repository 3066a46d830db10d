"""S3, and stores that speak its protocol, as artifact storage."""

from helios.storage.s3.storage import S3Storage

__all__ = ["S3Storage"]
