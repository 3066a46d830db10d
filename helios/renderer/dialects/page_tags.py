"""Start tags of an HTML page, in order."""

from dataclasses import dataclass
from html.parser import HTMLParser


@dataclass(frozen=True)
class Tag:
    """A start tag: its name, and its attributes without case."""

    name: str
    attributes: dict[str, str]


class _Collector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self._templates = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "template":
            self._templates += 1
        elif not self._templates:
            self.tags.append(Tag(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates = max(0, self._templates - 1)


def read_tags(page: str) -> list[Tag]:
    """Return the start tags of a page, without those in its templates."""
    collector = _Collector()
    collector.feed(page)
    collector.close()
    return collector.tags
