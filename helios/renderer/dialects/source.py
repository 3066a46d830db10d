"""A composition's file, as dialects look at it."""

import os
import posixpath
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from helios.errors import CompositionInvalid
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.renderer.composition import Composition
from helios.renderer.dialects.page_tags import Tag, read_tags

#: Seconds that the server of a page gets, and the bytes of it that are looked at.
_TIMEOUT = 30.0
_PAGE_LIMIT = 16 * 1024 * 1024
#: Largest file that is read whole, in bytes.
FILE_LIMIT = 256 * 1024 * 1024


class Source:
    """A composition's file; it is read when it is first looked at.

    Attributes:
        path: The file on this machine; None for one at a URL.
        root: The folder that is served; None for one at a URL.
        served_path: Its path in that folder, or on its server.
        name: Its name, without folders.
    """

    def __init__(self, composition: Composition) -> None:
        self.url = composition.url
        self.path: Path | None = composition.page
        self.root = composition.root
        self.served_path = composition.served_path
        self.name = PurePosixPath(self.served_path).name

    @property
    def suffix(self) -> str:
        """The ending of its name in lower case, such as `.html`; empty if it has none."""
        return PurePosixPath(self.name).suffix.lower()

    def path_of(self, address: str) -> str | None:
        """Return the path, in the served folder, that an address in the file leads to.

        None for an address that leads elsewhere.
        """
        try:
            parts = urlsplit(address)
        except ValueError:  # no address, which the browser reports
            return None
        if parts.scheme or parts.netloc or not parts.path:
            return None
        folder = posixpath.dirname(self.served_path)
        path = posixpath.normpath(posixpath.join(folder, unquote(parts.path))).lstrip("/")
        return None if path in ("", ".", "..") or path.startswith("../") else path

    @cached_property
    def data(self) -> bytes:
        """All bytes of the file.

        Raises:
            CompositionInvalid: It is larger than `FILE_LIMIT`, or can't be read.
        """
        assert self.path is not None  # noqa: S101 - files at URLs are refused before
        try:
            if self.path.stat().st_size > FILE_LIMIT:
                raise CompositionInvalid(f"{self.name}: is larger than {FILE_LIMIT >> 20} MiB")
            return self.path.read_bytes()
        except OSError as fault:
            raise CompositionInvalid(f"{self.name}: can't be read ({fault.strerror})") from fault

    @cached_property
    def text(self) -> str:
        """A page as text; empty if it can't be had, which the browser then reports."""
        try:
            if self.path is not None:
                return self.path.read_text("utf-8", errors="replace")
            # Takes a thirtieth of a second to import, which pages in a folder don't need.
            import urllib.request  # noqa: PLC0415

            proxy = os.environ.get(PROXY_VARIABLE)
            proxies = {"http": proxy, "https": proxy} if proxy else {}
            opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
            with opener.open(self.url, timeout=_TIMEOUT) as answer:
                return str(answer.read(_PAGE_LIMIT).decode("utf-8", errors="replace"))
        except (OSError, ValueError):
            return ""

    @cached_property
    def tags(self) -> list[Tag]:
        """The start tags of a page."""
        return read_tags(self.text)
