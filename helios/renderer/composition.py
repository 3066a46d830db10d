"""Locates a composition: a page in a local folder, or a URL."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from helios.errors import CompositionNotFound

#: Origin under which a local folder is served. Names under `.localhost` are secure contexts. The
#: name is constant, so that pixels can't depend on it.
LOCAL_ORIGIN = "http://composition.localhost"

#: Endings of the files that compositions are: pages, and those that a dialect shows by a page.
SUFFIXES = (
    ".html",
    ".htm",
    ".xhtml",
    ".svg",
    ".gif",
    ".png",
    ".apng",
    ".webp",
    ".avif",
    ".json",
    ".lottie",
)


@dataclass(frozen=True)
class Composition:
    """A page or file to render: its address; for local ones its path, and the folder to serve."""

    url: str
    root: Path | None
    page: Path | None = None

    @classmethod
    def find(cls, source: str, *, base: Path | None = None) -> "Composition":
        """Locate a composition: an `http(s)` URL, a file, or a folder that holds `index.html`.

        A relative path starts from `base`, by default the working directory. Raises
        `CompositionNotFound` if there is no such page.
        """
        try:
            scheme = urlsplit(source).scheme
        except ValueError as error:
            raise CompositionNotFound(f"{source}: not an address ({error})") from None
        if scheme in ("http", "https"):
            return cls(url=source, root=None)
        if scheme == "file":
            source = unquote(urlsplit(source).path)
        path = (base or Path.cwd()) / source
        try:
            page = path / "index.html" if path.is_dir() else path
            is_there = page.is_file()
        except OSError:  # a name that is too long, a folder without permission
            is_there = False
        if not is_there:
            raise CompositionNotFound(
                f"{source}: no such composition",
                hint="Give a file, a folder that holds index.html, or an http(s) URL.",
            )
        if page.suffix.lower() not in SUFFIXES:
            raise CompositionNotFound(
                f"{source}: not a composition ({', '.join(SUFFIXES)})",
                hint="Give the file that the composition starts from.",
            )
        return cls(url=f"{LOCAL_ORIGIN}/{quote(page.name)}", root=page.resolve().parent, page=page)
