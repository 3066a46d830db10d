"""The dialects, and which of them a page is in."""

import os
from typing import Final

from helios.errors import OptionInvalid
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.renderer.composition import Composition
from helios.renderer.dialects.base import Dialect, PageDefaults
from helios.renderer.dialects.hyperframes import HyperFrames
from helios.renderer.dialects.page_tags import read_tags
from helios.renderer.dialects.plain_html import PlainHtml

_PLAIN: Final = PlainHtml()
#: By name; a page is in the first that recognises it.
DIALECTS: dict[str, Dialect] = {one.name: one for one in (HyperFrames(), _PLAIN)}
#: Seconds that the server of a page gets, and the bytes of it that are looked at.
_TIMEOUT = 30.0
_LIMIT = 16 * 1024 * 1024


def find_dialect(name: str) -> Dialect:
    """Return a dialect by its name.

    Raises:
        OptionInvalid: There is no such dialect.
    """
    try:
        return DIALECTS[name]
    except KeyError:
        raise OptionInvalid(f"`dialect` {name!r}: must be one of {', '.join(DIALECTS)}") from None


def open_dialect(composition: Composition, name: str | None) -> tuple[Dialect, PageDefaults]:
    """Return the dialect of a composition's page, and what the page declares in it.

    Args:
        name: A dialect by its name; by default the page's own.

    Raises:
        OptionInvalid: There is no such dialect, or the page declares an invalid size or rate.
    """
    chosen = None if name is None else find_dialect(name)
    if chosen is _PLAIN:
        return chosen, PageDefaults()
    page = _text(composition)
    marked = [one for one in DIALECTS.values() if one.mark in page]
    if chosen is None and marked == [_PLAIN]:
        return _PLAIN, PageDefaults()
    tags = read_tags(page)
    dialect = chosen or next(one for one in marked if one.detect(tags))
    return dialect, dialect.defaults(tags)


def _text(composition: Composition) -> str:
    """Return a page as text; empty if it can't be had, which the browser then reports."""
    try:
        if composition.page is not None:
            return composition.page.read_text("utf-8", errors="replace")
        # Takes a thirtieth of a second to import, which pages in a folder don't need.
        import urllib.request  # noqa: PLC0415

        proxy = os.environ.get(PROXY_VARIABLE)
        proxies = {"http": proxy, "https": proxy} if proxy else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with opener.open(composition.url, timeout=_TIMEOUT) as answer:
            return str(answer.read(_LIMIT).decode("utf-8", errors="replace"))
    except (OSError, ValueError):
        return ""
