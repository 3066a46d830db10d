"""Ignore rules: files of a composition's folder that aren't packed."""

from collections.abc import Callable
from pathlib import Path

from helios.errors import ArchiveInvalid

#: File at the top of a composition's folder with patterns as in .gitignore, one per line.
IGNORE_FILE = ".heliosignore"
#: Default rules, which the ignore file can revert with `!`.
ALWAYS = (".git/", ".hg/", ".svn/", ".env", ".env.*", ".DS_Store", "Thumbs.db", f"/{IGNORE_FILE}")


def ignore_rules(folder: Path) -> Callable[[str], bool]:
    """Return a function that decides whether a path in a composition's folder is ignored.

    It is called with a path relative to the folder, with / between steps and after folders.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - needed only for packing

    try:
        text = (folder / IGNORE_FILE).read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as fault:
        raise ArchiveInvalid(f"{folder / IGNORE_FILE} can't be read: {fault}") from fault
    try:
        spec = GitIgnoreSpec.from_lines([*ALWAYS, *text.splitlines()])
    except ValueError as fault:
        raise ArchiveInvalid(f"{folder / IGNORE_FILE}: {fault}") from fault
    return spec.match_file
