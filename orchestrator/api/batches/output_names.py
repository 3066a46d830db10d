"""Names of the videos of a batch, by a template with columns in braces."""

import os
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from helios.errors import OptionInvalid
from helios.storage import is_storage_url

#: Bytes of one part of a name; what is made on the way has longer ones.
_MAX_PART = 200
_STORAGE_DEPTH = 3  # s3://bucket


class OutputNames:
    """A template such as `out/{id}.mp4` or `s3://bucket/{id}.mp4`.

    All videos stay in the folder that comes before its first placeholder.

    Raises:
        OptionInvalid: It can't be parsed.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._inside: dict[Path, bool] = {}
        try:
            self._parts = list(Formatter().parse(template))
        except ValueError as fault:
            raise self._invalid(str(fault)) from None
        for _, name, spec, conversion in self._parts:
            if name is not None and (spec or conversion or not name or set(name) & set(".[]")):
                raise self._invalid(f"{{{name}}} is no column's name")
        literal = self._parts[0][0] if self._parts else ""
        self.is_url = is_storage_url(template)
        self._root = literal.rpartition("/")[0]
        if not self._root and literal.startswith("/"):
            self._root = "/"
        if self.is_url and literal.count("/") < _STORAGE_DEPTH:
            raise self._invalid("the bucket can't be a placeholder")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs."""
        return tuple(dict.fromkeys(name for _, name, *_ in self._parts if name is not None))

    @property
    def folder(self) -> Path:
        """The folder that all videos are in; of those in storage, the current one."""
        return Path() if self.is_url else Path(self._root or ".")

    @property
    def label(self) -> str:
        """A name for a batch whose videos go to storage: its last folder."""
        return self._root.rpartition("/")[2]

    def of(self, values: Mapping[str, Any]) -> str:
        """Return the name for a row.

        Raises:
            ValueError: Its text says why there is none.
        """
        words = []
        for literal, name, *_ in self._parts:
            words.append(literal)
            if name is not None:
                words.append(_word(name, values))
        found = "".join(words)
        parts = found.removeprefix(self._root).removeprefix("/" if self._root else "").split("/")
        if not {"", ".", ".."}.isdisjoint(parts):
            raise ValueError(f"output {found!r} leaves its folder {self._shown}")
        if "\0" in found or parts[-1].startswith("."):
            raise ValueError(f"output {found!r} can't be a name")
        if max(len(part.encode(errors="surrogateescape")) for part in parts) > _MAX_PART:
            raise ValueError(f"output {found[:60]!r}... has too long a name")
        if not self.is_url and not self._is_inside(Path(found).parent):
            raise ValueError(f"output {found!r} leaves its folder {self._shown} by a link")
        return found

    def _is_inside(self, folder: Path) -> bool:
        """Tell whether a folder is in that of all videos, links resolved."""
        # Most rows share a folder, and resolving one takes a system call for each of its parts.
        known = self._inside.get(folder)
        if known is None:
            root, found = os.path.realpath(self.folder), os.path.realpath(folder)
            known = self._inside[folder] = found == root or found.startswith(root.rstrip("/") + "/")
        return known

    @property
    def _shown(self) -> str:
        return self._root or "."

    def _invalid(self, reason: str) -> OptionInvalid:
        return OptionInvalid(
            f"`output` {self.template!r}: {reason}",
            hint="Put columns in braces: out/{id}.mp4. A brace itself is written twice.",
        )


def _word(name: str, values: Mapping[str, Any]) -> str:
    if name not in values:
        raise ValueError(f"there is no column {name!r}, which the output is named by")
    value = values[name]
    if not isinstance(value, str | int | float) or not str(value).strip():
        raise ValueError(f"column {name!r}: {value!r} can't be part of a name")
    return str(value)
