"""What a case is: a page for one thing that compositions do, and what it must show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from tests.cases.shown import Shown

Check = Callable[[Shown], None]

_PAGE = """<!doctype html>
<html data-duration="{seconds}"><meta charset="utf-8">
<style>
* {{ margin: 0; box-sizing: border-box }}
{css}
</style>
<body>
{body}
</body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A page and its check.

    Attributes:
        name: Name of the check.
        check: Asserts what must be seen and heard.
        seconds, rate: Length of the timeline, and frames per second.
        files: Content by file name.
        media: File names, with the names of what `media.py` makes for them.
        libraries: File names, with where they lie in `node_modules`.
        replay, transparent: As the flags of `helios render`.
        fresh: Whether each chunk is rendered by a browser of its own, as for what a browser keeps.
        zones: Time zones of the machine for the render in one chunk and for that in five.
        sounds: Whether the case is about sound.
        props: Values for the page.
        source: The file to render, where that isn't the folder's page.
        size, composition_id, canvas_alone: As the flags of `helios render`.
    """

    name: str
    check: Check
    seconds: float
    files: Mapping[str, str | bytes]
    rate: Fraction = Fraction(30)
    media: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    replay: bool = False
    transparent: bool = False
    fresh: bool = False
    zones: tuple[str, str] = ("UTC", "UTC")
    sounds: bool = False
    props: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    size: tuple[int, int] | None = None
    composition_id: str | None = None
    canvas_alone: bool = False

    @property
    def frame_count(self) -> int:
        return max(1, round(Fraction(str(self.seconds)) * self.rate))


CASES: dict[str, Case] = {}


def case(
    body: str,
    *,
    seconds: float,
    css: str = "",
    files: Mapping[str, str] | None = None,
    media: Mapping[str, str] | Sequence[str] = (),
    rate: Fraction | int = 30,
    **options: object,
) -> Callable[[Check], Check]:
    """Register a check as a case, with the page that it is for."""
    page = _PAGE.format(seconds=seconds, css=css, body=body)
    named = media if isinstance(media, Mapping) else {name: name for name in media}

    def register(check: Check) -> Check:
        name = check.__name__.replace("_", "-")
        CASES[name] = Case(
            name=name,
            check=check,
            seconds=seconds,
            files={**(files or {}), "index.html": page},
            media=named,
            rate=Fraction(rate),
            **options,  # type: ignore[arg-type]
        )
        return check

    return register
