"""Animated SVG files: pages of their own, of the size that they declare."""

import re

from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.source import Source

_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)(px|pt|pc|mm|cm|in)?\s*", re.IGNORECASE)
#: CSS pixels in each unit.
_UNITS = {"px": 1, "pt": 96 / 72, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 9.6 / 2.54}
#: Pixels beyond which a length is taken for this one, which no page has.
_LONGEST = 1e6
#: Size of an SVG that declares none, by CSS.
_SIZE = (300.0, 150.0)


class AnimatedSvg(Dialect):
    """SVG files that move by SMIL, by CSS or by their scripts; they are drawn at any size."""

    name = "svg"
    suffixes = (".svg",)
    parts = ("plain_html", "animated_svg")

    def detect(self, source: Source) -> bool:
        """Return True: they are known by their ending, and the browser tells of faults."""
        del source
        return True

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Return the size by `width` and `height`, else by `viewBox`."""
        del composition_id
        root = next((tag.attributes for tag in source.tags if tag.name == "svg"), {})
        width, height = _pixels(root.get("width")), _pixels(root.get("height"))
        box = _view_box(root.get("viewbox", ""))
        if width and height:
            size = (width, height)
        elif box:
            ratio = box[0] / box[1]
            size = (width, width / ratio) if width else (height * ratio, height) if height else box
        else:
            size = (width or _SIZE[0], height or _SIZE[1])
        return PageDefaults(width=max(1, round(size[0])), height=max(1, round(size[1])))


def _pixels(text: str | None) -> float | None:
    match = _LENGTH.fullmatch(text or "")
    if match is None:
        return None
    return min(float(match[1]) * _UNITS[(match[2] or "px").lower()], _LONGEST)


def _view_box(text: str) -> tuple[float, float] | None:
    try:
        _, _, width, height = map(float, text.replace(",", " ").split())
    except ValueError:
        return None
    return (width, height) if 0 < width < _LONGEST and 0 < height < _LONGEST else None
