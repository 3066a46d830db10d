"""Finds the folder to serve for a page, and the files in it.

In built projects, pages ask for files above their own folder.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from helios.errors import OptionInvalid

#: Addresses above the page's folder, wherever the page names them, and those from the root on.
_ABOVE = re.compile(r"""["'(]\s*((?:\.\./)+[^"'()\s?#]+)""")
_FROM_ROOT = re.compile(r"""(?:src|href)\s*=\s*["'](/[^/"'\s?#][^"'\s?#]*)""", re.IGNORECASE)
#: Endings of the files that name others by their addresses; the rest is binary.
_TEXTS = (".html", ".htm", ".xhtml", ".svg", ".json")
#: What the folder of a project holds.
_MARKS = ("package.json", ".git")


def served_folder(page: Path, root: Path | None = None) -> Path:
    """Return the folder to serve for a page, from which all its addresses start.

    Args:
        page: The page, resolved.
        root: The folder that the user chose; None for that of the page, or, in a project, one
            above it that has what the page names.

    Raises:
        OptionInvalid: The page isn't in the folder that was chosen, or that lies outside the
            project that the page is in, and outside the working directory.
    """
    project = _project(page.parent)
    if root is None:
        return _found(page, project)
    folder = root.resolve()
    if not page.is_relative_to(folder):
        raise OptionInvalid(f"`root` {root}: {page.name} isn't in this folder")
    # A job's folder has a link to it.
    here = Path(os.path.abspath(root)).is_relative_to(Path.cwd())  # noqa: PTH100 - keeps the link
    if not here and not any(folder.is_relative_to(one) for one in (project, page.parent)):
        raise OptionInvalid(
            f"`root` {root}: is outside the page's project and the working directory",
            hint="Start the command in this folder, or in one above it.",
        )
    return folder


def locate(folder: Path, name: str) -> Path | None:
    """Return the file for a request's path, or None if there is no such file in `folder`.

    Also None for a path that leaves the folder, by dots or by a link.
    """
    if "\0" in name:
        return None
    try:
        path = (folder / name.lstrip("/")).resolve()
        if path.is_dir():
            path = path / "index.html"
        inside = path.resolve().is_relative_to(folder)
        return path if inside and path.is_file() else None
    except (OSError, RuntimeError):  # a name that is too long, a circular link
        return None


def _found(page: Path, project: Path) -> Path:
    folder = page.parent
    if project == folder or page.suffix.lower() not in _TEXTS:
        return folder
    try:
        text = page.read_text("utf-8", errors="replace")
    except OSError:
        return folder
    inside = [one for one in _candidates(folder, text) if one.is_relative_to(project)]
    # All of them are above the page, so the shortest path is the outermost.
    return min([folder, *inside], key=lambda one: len(one.parts))


def _candidates(folder: Path, text: str) -> Iterator[Path]:
    for address in _ABOVE.findall(text):
        path = Path(os.path.normpath(folder / address))
        if _exists(path):
            yield Path(os.path.commonpath([folder, path]))
    for address in _FROM_ROOT.findall(text):
        for above in (folder, *folder.parents):
            if _exists(above / address.lstrip("/")):
                yield above
                break


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def _project(folder: Path) -> Path:
    """Return the folder of the project that a folder is in; the folder itself if it is in none."""
    above = (folder, *folder.parents)
    return next((one for one in above if any((one / mark).exists() for mark in _MARKS)), folder)
