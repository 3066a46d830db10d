"""HyperFrames: elements placed in time by `data-start`, driven with GSAP timelines."""

import math
from collections.abc import Mapping
from fractions import Fraction

from helios.contract.frame_rate import frame_rate
from helios.errors import DialectUnsupported, OptionInvalid
from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.page_tags import Tag
from helios.renderer.dialects.source import Source
from helios.renderer.dialects.variables import read_variables

_ID, _SOURCE = "data-composition-id", "data-composition-src"
_VARIABLES = "data-composition-variables"
#: Size of a page that declares none.
_WIDTH, _HEIGHT = 1080, 1920
#: A length that misses a whole number of frames by less is that number.
_ROUNDING = Fraction(1, 1000)
_LONGEST = 24 * 60 * 60


class HyperFrames(Dialect):
    """Pages with `data-composition-id` or `data-composition-src`."""

    name = "hyperframes"
    mark = "data-composition-"
    parts = (
        "fonts",
        "hyperframes/compositions",
        "hyperframes/variables",
        "hyperframes/scopes",
        "hyperframes/nested",
        "hyperframes/clips",
        "hyperframes/clip_media",
        "hyperframes/timelines",
        "hyperframes/dialect",
    )
    ignored_files = ("caption-overrides.json",)
    epoch = 0

    def detect(self, source: Source) -> bool:
        """Return whether an element is a composition, or names one."""
        return any(_ID in tag.attributes or _SOURCE in tag.attributes for tag in source.tags)

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Return what the root's attributes say, and which variables are declared."""
        del composition_id
        root = _root(source.tags)
        page = next((tag.attributes for tag in source.tags if tag.name == "html"), {})
        declarations = dict.fromkeys([page.get(_VARIABLES), root.get(_VARIABLES)])
        return PageDefaults(
            width=_pixels(root, "data-width", _WIDTH),
            height=_pixels(root, "data-height", _HEIGHT),
            rate=frame_rate(root.get("data-fps") or "30"),
            variables=read_variables([text for text in declarations if text]),
        )

    def frame_count(self, seconds: Fraction, rate: Fraction) -> int:
        """Return the number of frames that hold all of the page's length.

        Raises:
            DialectUnsupported: The page is longer than a day.
        """
        if seconds > _LONGEST:
            raise DialectUnsupported(f"{float(seconds):g} s: HyperFrames renders 24 hours at most")
        frames = seconds * rate
        nearest = round(frames)
        return max(1, nearest if abs(frames - nearest) <= _ROUNDING else math.ceil(frames))


def _root(tags: list[Tag]) -> Mapping[str, str]:
    compositions = [tag.attributes for tag in tags if _ID in tag.attributes]
    chosen = [attributes for attributes in compositions if attributes.get("data-root") == "true"]
    return next(iter(chosen + compositions), {})


def _pixels(root: Mapping[str, str], name: str, default: int) -> int:
    text = root.get(name, "").strip()
    if not text:
        return default
    try:
        pixels = round(float(text))
    except (ValueError, OverflowError):
        pixels = 0
    if pixels < 1:
        raise OptionInvalid(f'{name}="{text}": must be a number of pixels')
    return pixels
