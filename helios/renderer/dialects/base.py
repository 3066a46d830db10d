"""What a dialect is: how a page is recognised, prepared and driven, and what it declares."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import ClassVar

from helios.renderer.dialects.page_tags import Tag


@dataclass(frozen=True, kw_only=True)
class PageDefaults:
    """What a page declares for options that aren't given.

    Attributes:
        width, height: CSS pixels.
        rate: Frames per second.
    """

    width: int = 1920
    height: int = 1080
    rate: Fraction = Fraction(30)


class Dialect:
    """A way in which compositions are written.

    Attributes:
        name: As in `--dialect`.
        mark: Text without which no page is in this dialect; pages that lack it aren't parsed.
        parts: Names of its scripts below `dialects/runtime`, in order. They are evaluated in the
            function of the page's runtime, before any script of the page, and define `dialect`, the
            object that the runtime calls: `plain_html.js` has the methods that each dialect needs;
            `begin`, `placeAnimations`, `nextEvent`, `askedSince` and `waitUntilStable` are
            optional.
        ignored_files: Names of files beside the page that its system reads and this renderer
            doesn't.
        epoch: Milliseconds since 1970 that `Date` shows at frame 0; None for the renderer's own.
    """

    name: ClassVar[str]
    mark: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]]
    ignored_files: ClassVar[tuple[str, ...]] = ()
    epoch: ClassVar[int | None] = None

    def detect(self, tags: list[Tag]) -> bool:
        """Return whether a page is in this dialect, by its start tags."""
        raise NotImplementedError

    def defaults(self, tags: list[Tag]) -> PageDefaults:
        """Return size and rate of a page, by its start tags.

        Raises:
            OptionInvalid: An attribute has an invalid value.
        """
        raise NotImplementedError

    def frame_count(self, seconds: Fraction, rate: Fraction) -> int:
        """Return the number of frames of a page that declares its length."""
        raise NotImplementedError

    def scripts(self) -> str:
        """Return its scripts as one text."""
        return "\n".join(_script(part) for part in self.parts)


@cache
def _script(part: str) -> str:
    return (
        resources.files("helios.renderer.dialects")
        .joinpath(f"runtime/{part}.js")
        .read_text("utf-8")
    )
