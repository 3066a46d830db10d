"""Which files of a composition's folder stay out of its archive."""

from collections.abc import Callable
from pathlib import Path

from helios.errors import ArchiveInvalid

#: File at the top of a composition's folder with patterns as in .gitignore, one a line.
IGNORE_FILE = ".heliosignore"
#: What stays out unless the ignore file takes it back with `!`: histories, secrets, clutter.
ALWAYS = (".git/", ".hg/", ".svn/", ".env", ".env.*", ".DS_Store", "Thumbs.db", f"/{IGNORE_FILE}")


def ignore_rules(folder: Path) -> Callable[[str], bool]:
    """Return what tells whether a path is left out.

    Parameters
    ----------
    folder:
        The composition's folder.

    Returns
    -------
    Callable[[str], bool]
        Takes a path below the folder, with / between steps, and at the end of a folder's.
    """
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - only packing pays for loading it

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
