"""How a page's URLs and exceptions are told to people."""

from helios.renderer.browser.devtools import Params
from helios.renderer.composition import LOCAL_ORIGIN


def short_url(url: str) -> str:
    """Return a URL as people name it: a file of the composition by its path."""
    if url.startswith("data:"):
        return url.partition(",")[0]
    return url.removeprefix(f"{LOCAL_ORIGIN}/")


def exception_text(details: Params) -> str:
    """Return the first line of an exception, with its place."""
    exception = details.get("exception", {})
    text = exception.get("description") or exception.get("value") or details.get("text", "")
    url = details.get("url")
    where = f"{short_url(url)}:{details['lineNumber'] + 1}" if url else ""
    lines = str(text).splitlines() or [""]
    return f"{lines[0]} ({where})" if where else lines[0]
