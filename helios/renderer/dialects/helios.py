"""Helios: pages that are driven through its core library."""

import re
from collections.abc import Iterator
from pathlib import Path

from helios.renderer.dialects.base import Dialect
from helios.renderer.dialects.source import Source

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
    """Yield the texts of the scripts that a page of this machine names."""
    if source.path is None:
        return
    for tag in source.tags:
        address = tag.attributes.get("src" if tag.name == "script" else "href", "").split("?")[0]
        if tag.name in ("script", "link") and address.endswith(_SCRIPTS) and ":" not in address:
            for folder in _folders(source.path, address):
                path = folder / address.lstrip("/")
                if path.is_file():
                    with path.open("rb") as file:
                        yield file.read(_LIMIT).decode("utf-8", errors="replace")
                    break


def _folders(page: Path, address: str) -> list[Path]:
    """Return the folders that an address may start from: that of the page, or one above it."""
    return [*page.resolve().parents] if address.startswith("/") else [page.parent]
