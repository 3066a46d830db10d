"""Helios: pages that are driven through its core library."""

import contextlib
import re
from collections.abc import Iterator

from helios.renderer.dialects.base import Dialect
from helios.renderer.dialects.source import Source
from helios.renderer.project_root import locate

#: Names that its library keeps, however it is bundled, and those by which pages use it.
_NAMES = re.compile(
    r"\bbindToDocumentTimeline\b|\b__HELIOS_VIRTUAL_TIME__\b|\bnew Helios\(|@helios-project/core"
)
_SCRIPTS = (".js", ".mjs")
#: Bytes of a script that are looked at.
_LIMIT = 16 * 1024 * 1024


class Helios(Dialect):
    """Pages that use the library of Helios, as they are or built."""

    name = "helios"
    mark = "<script"
    parts = ("plain_html", "helios")

    def detect(self, source: Source) -> bool:
        """Return whether a script of the page, in it or beside it, is that library or calls it."""
        if _NAMES.search(source.text):
            return True
        return any(_NAMES.search(text) for text in _scripts(source))


def _scripts(source: Source) -> Iterator[str]:
    """Yield the texts of the scripts in the served folder that a page names."""
    if source.root is None:
        return
    for tag in source.tags:
        if tag.name not in ("script", "link"):
            continue
        name = source.path_of(tag.attributes.get("src" if tag.name == "script" else "href", ""))
        path = locate(source.root, name) if name and name.endswith(_SCRIPTS) else None
        if path is not None:
            # What can't be read isn't served either, which the page's requests show.
            with contextlib.suppress(OSError), path.open("rb") as file:
                yield file.read(_LIMIT).decode("utf-8", errors="replace")
