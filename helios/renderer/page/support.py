"""What a page asks for that can't be rendered right: refused, or warned of."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import DialectUnsupported
from helios.renderer.browser.devtools import Params

#: How many names a warning lists.
_MOST_NAMES = 10


def check_dialect(url: str, attributes: Sequence[str]) -> None:
    """Raise if a page relies on a player that it doesn't bring along.

    Parameters
    ----------
    attributes:
        What of the page nothing honours.

    Raises
    ------
    DialectUnsupported
    """
    if attributes:
        raise DialectUnsupported(
            f"{url}: the page needs another system's player, which it doesn't load",
            hint="Load that player in the page, or place elements by CSS or script:"
            " see docs/compositions.md.",
            details=[f"not honoured: {name}" for name in attributes],
        )


def warnings_of(answers: Iterable[Params], hosts: Iterable[str]) -> list[RenderWarning]:
    """Return what to warn of.

    Parameters
    ----------
    answers:
        What the page's documents said of themselves.
    hosts:
        Other hosts that the page asks for data.
    """
    answers = list(answers)
    found = []
    features = sorted({feature for answer in answers for feature in answer["unsupported"]})
    if features:
        found.append(
            RenderWarning(
                "FEATURE_UNSUPPORTED",
                f"the page asks for {_listed(features)}, which no render has",
                hint="Use a file in its place.",
            )
        )
    if any(answer["tainted"] for answer in answers):
        found.append(
            RenderWarning(
                "CANVAS_TAINTED",
                "the page reads a canvas that shows another origin's image or video",
                hint="Put the file beside the page, or give the element `crossorigin` and its"
                " server CORS headers.",
            )
        )
    if named := sorted(set(hosts)):
        found.append(
            RenderWarning(
                "LIVE_DATA",
                f"the page asks for data from {_listed(named)}:"
                " chunks and later renders may get other answers",
                hint="Put the data into --props or into a file beside the page.",
            )
        )
    return found


def host_of(url: str) -> str:
    """Return the host of a URL, and its port if that isn't the usual one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
