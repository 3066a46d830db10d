"""Dialects: the systems whose compositions are rendered as they are written, one module each."""

from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.registry import DIALECTS, find_dialect, needed_files, open_dialect
from helios.renderer.dialects.source import Source

__all__ = [
    "DIALECTS",
    "Dialect",
    "PageDefaults",
    "Source",
    "find_dialect",
    "needed_files",
    "open_dialect",
]
