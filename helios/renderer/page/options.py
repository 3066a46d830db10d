"""What determines a page's pixels besides its files, and how a frame leaves the browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.renderer.browser.devtools import Params
from helios.renderer.dialects import Dialect, find_dialect

#: Milliseconds since 1970 that the page's Date shows at frame 0: 2024-01-01T00:00:00Z.
EPOCH_MS = 1_704_067_200_000
#: Seconds that a page gets to fire `load`.
LOAD_TIMEOUT = 30.0
#: Seconds that a frame gets to become ready.
SETTLE_TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What determines a page's pixels besides its files.

    Attributes:
        width, height: Size of the viewport in CSS pixels.
        rate: Frames per second.
        scale: Device pixels per CSS pixel.
        transparent: Keep the page's own transparency instead of a white ground.
        seed: What `Math.random` starts from.
        props: The object that arrives in `window.__HELIOS_PROPS__`.
        time_zone, locale: Where the page is shown: a name of the IANA time zone database, and a
            language tag.
        allow_missing: Go on when a file that the page asks for isn't there.
        direct: Read the pixels of a page that is one 2D canvas from there, without a screenshot.
        canvas_alone: Show the page's first canvas alone, as large as the page.
        dialect: The system that the page is written for.
        composition_id: Which composition to show, of a file that holds several; None for the first.
        evaluates: Find out which compositions the file holds and what they declare, and show none.
        reference: Take no shortcut: visit every frame from 0 on, draw it and photograph it.
        seconds: Length of the timeline, where it is known: of what Web Audio renders.
        load_timeout, settle_timeout: Seconds that the page gets to fire `load`, and each frame to
            become ready.
    """

    width: int
    height: int
    rate: Fraction
    scale: float = 1.0
    transparent: bool = False
    seed: int = 0
    props: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = DEFAULT_TIME_ZONE
    locale: str = DEFAULT_LOCALE
    allow_missing: bool = False
    direct: bool = True
    canvas_alone: bool = False
    dialect: Dialect = field(default_factory=lambda: find_dialect("html"))
    composition_id: str | None = None
    evaluates: bool = False
    reference: bool = False
    seconds: Fraction | None = None
    load_timeout: float = LOAD_TIMEOUT
    settle_timeout: float = SETTLE_TIMEOUT


@dataclass(frozen=True)
class ImageFormat:
    """How a frame leaves the browser.

    Attributes:
        name: `jpeg`, `png`, or `i420` for raw frames.
        quality: JPEG quality, 0 to 100.
    """

    name: str
    quality: int = 90

    def parameters(self) -> Params:
        """Return the protocol's parameters for a screenshot."""
        if self.name == "png":
            return {"format": "png", "optimizeForSpeed": True}
        return {"format": "jpeg", "quality": self.quality}


@dataclass(frozen=True)
class Declared:
    """What a page says of itself: seconds or None, and whether it needs every frame before."""

    duration: float | None
    longest_animation: float | None
    replay: bool
