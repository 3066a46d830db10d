"""The part of a page that a piece creates."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Part:
    """Markup, style and behaviour of a piece, for the document or shadow tree that it is in.

    Attributes:
        html, css: Markup and rules.
        script: Statements; `root` is the document or shadow root, `find(id)` returns an element of
            it.
        style: Declarations for the element that the piece belongs to.
        files: Text of further files by name.
        media: Names of files that `fuzz.pages.media` makes.
        stateful: Whether its picture depends on the visited frames, so that the page declares
            replay.
    """

    html: str = ""
    css: str = ""
    script: str = ""
    style: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    media: frozenset[str] = frozenset()
    stateful: bool = False

    def __add__(self, other: "Part") -> "Part":
        return Part(
            html=self.html + other.html,
            css=self.css + other.css,
            script=self.script + other.script,
            style=";".join(filter(None, (self.style, other.style))),
            files={**self.files, **other.files},
            media=self.media | other.media,
            stateful=self.stateful or other.stateful,
        )
