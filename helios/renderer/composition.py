"""Locates a composition: a page in a local folder, or a URL."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from helios.errors import CompositionNotFound
from helios.renderer.project_root import served_folder

#: Origin under which a local folder is served. Names under `.localhost` are secure contexts. The
#: name is constant, so that pixels can't depend on it.
LOCAL_HOST = "composition.localhost"
LOCAL_ORIGIN = f"http://{LOCAL_HOST}"

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

    @property
    def serves_page_folder(self) -> bool:
        """Whether the folder to serve is the page's own, or a server elsewhere serves the page."""
        return self.page is None or self.root == self.page.resolve().parent

    @property
    def served_path(self) -> str:
        """Path of the page in the folder that is served, or on its server."""
        return unquote(urlsplit(self.url).path).removeprefix("/")

    @classmethod
    def find(
        cls, source: str, *, base: Path | None = None, root: str | None = None
    ) -> "Composition":
        """Locate a composition: an `http(s)` URL, a file, or a folder that holds `index.html`.

        Args:
            base: Folder that relative paths start from, by default the working directory.
            root: Folder to serve; None for that of the page, or one above it if the page is in a
                project and names files there.

        Raises:
            CompositionNotFound: There is no such page.
            OptionInvalid: The root doesn't hold the page, or is outside its project.
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
        # A link is served under its own name, from the folder that it leads to.
        place = page.resolve().parent / page.name
        folder = served_folder(place, None if root is None else (base or Path.cwd()) / root)
        url = f"{LOCAL_ORIGIN}/{quote(place.relative_to(folder).as_posix())}"
        return cls(url=url, root=folder, page=page)
