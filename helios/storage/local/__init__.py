"""A local folder as artifact storage."""

from helios.storage.local.storage import LocalStorage

__all__ = ["LocalStorage"]
