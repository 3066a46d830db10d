"""Plain HTML: pages of no other system."""

from fractions import Fraction

from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.page_tags import Tag


class PlainHtml(Dialect):
    """Pages that move by the browser's clock, or offer to be driven."""

    name = "html"
    parts = ("plain_html",)

    def detect(self, tags: list[Tag]) -> bool:
        """Return True: each page is at least HTML."""
        del tags
        return True

    def defaults(self, tags: list[Tag]) -> PageDefaults:
        """Return the renderer's own."""
        del tags
        return PageDefaults()

    def frame_count(self, seconds: Fraction, rate: Fraction) -> int:
        """Return the nearest number of frames, at least 1."""
        return max(1, round(seconds * rate))
