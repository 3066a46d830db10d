"""Dialects: the systems whose compositions are rendered as they are written, one module each."""

from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.registry import DIALECTS, find_dialect, open_dialect

__all__ = ["DIALECTS", "Dialect", "PageDefaults", "find_dialect", "open_dialect"]
