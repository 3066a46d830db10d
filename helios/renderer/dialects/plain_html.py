"""Plain HTML: pages of no other system."""

from helios.renderer.dialects.base import PAGES, Dialect
from helios.renderer.dialects.source import Source


class PlainHtml(Dialect):
    """Pages that move by the browser's clock, or offer to be driven."""

    name = "html"
    suffixes = (*PAGES, ".svg")
    parts = ("plain_html",)

    def detect(self, source: Source) -> bool:
        """Return True: each page is at least HTML."""
        del source
        return True
