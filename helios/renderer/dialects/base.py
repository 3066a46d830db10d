"""What a dialect is: how a composition is recognised, prepared and driven, and what it declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar

from helios.renderer.dialects.source import Source
from helios.renderer.dialects.variables import Variable

#: File name endings of pages that a browser opens by itself.
PAGES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True, kw_only=True)
class PageDefaults:
    """What a composition declares for options that aren't given.

    Attributes:
        width, height: CSS pixels.
        rate: Frames per second.
        variables: The props that it takes; None if it doesn't say.
    """

    width: int = 1920
    height: int = 1080
    rate: Fraction = Fraction(30)
    variables: tuple[Variable, ...] | None = None


class Dialect:
    """A way in which compositions are written.

    Attributes:
        name: As in `--dialect`.
        suffixes: Endings of the names of its files; pages at URLs may have any other ending too.
        mark: Text without which no page is in this dialect; pages that lack it aren't parsed.
        parts: Names of its scripts below `dialects/runtime`, in order. They are evaluated in the
            function of the page's runtime, before any script of the page, and define `dialect`, the
            object that the runtime calls: `plain_html.js` has the methods that each dialect needs;
            `begin`, `placeAnimations`, `nextEvent`, `askedSince`, `waitUntilStable`, `waiting`,
            `leaveFrame`, `sounds`, `soundState`, `compositions` and `drives` (whether `drive` may
            change the page in any frame) are optional.
        ignored_files: Names of files beside the page that its system reads and this renderer
            doesn't.
        epoch: Milliseconds since 1970 that `Date` shows at frame 0; None for the renderer's own.
        silent: Whether its compositions never have sound.
        is_evaluated: Whether only a composition's scripts know what it declares: `evaluate` asks.
        asks_for_video_frames: Whether its pages ask the server for single pictures of videos.
        sounds_by_frame: Whether the sound of each frame is known only once it was visited.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = PAGES
    mark: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]]
    ignored_files: ClassVar[tuple[str, ...]] = ()
    epoch: ClassVar[int | None] = None
    silent: ClassVar[bool] = False
    is_evaluated: ClassVar[bool] = False
    asks_for_video_frames: ClassVar[bool] = False
    sounds_by_frame: ClassVar[bool] = False

    def detect(self, source: Source) -> bool:
        """Return whether a composition with one of the endings is in this dialect."""
        raise NotImplementedError

    def defaults(self, source: Source, composition_id: str | None = None) -> PageDefaults:
        """Return what a composition declares.

        Args:
            composition_id: Id of the one to show, where a file holds several; None for the first.

        Raises:
            CompositionInvalid: The file is damaged, or is not what its name says.
            OptionInvalid: It declares an invalid value, or holds none with this id.
        """
        del source, composition_id
        return PageDefaults()

    def frame_count(self, seconds: Fraction, rate: Fraction) -> int:
        """Return the number of frames of a page that declares its length."""
        return max(1, round(seconds * rate))

    def prepare(
        self, source: Source, folder: Path, composition_id: str | None
    ) -> Mapping[str, Path]:
        """Write the page that shows a file which is no page itself, and what that page needs.

        Args:
            folder: An empty folder to write to.

        Returns:
            Files by the path that they are served at, in place of the composition's own; the page
            itself at the composition's. Nothing for pages.
        """
        del source, folder, composition_id
        return {}

    def needs(self, source: Source, composition_id: str | None) -> frozenset[str] | None:
        """Return the paths, in the served folder, of all files that a composition consists of.

        None stands for the whole folder.
        """
        del source, composition_id
        return None

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
