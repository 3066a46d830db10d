"""What a page asks for that can't be rendered right: refused, or warned of."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from helios.contract.messages.render_warning import RenderWarning
from helios.errors import (
    CompositionInvalid,
    CompositionUnchosen,
    DialectUnsupported,
    HeliosError,
    OptionInvalid,
)
from helios.renderer.browser.devtools import Params
from helios.renderer.dialects import Dialect

#: How many names a warning lists.
_MOST_NAMES = 10


def check_dialect(url: str, dialect: Dialect, unhonoured: Sequence[str]) -> None:
    """Raise if a page relies on what its dialect doesn't honour here.

    Args:
        unhonoured: What of the page nothing honours.

    Raises `DialectUnsupported`.
    """
    if not unhonoured:
        return
    details = [f"not honoured: {name}" for name in unhonoured]
    if dialect.name == "html":
        raise DialectUnsupported(
            f"{url}: the page needs another system's player, which it doesn't load",
            hint="Load that player in the page, or place elements by CSS or script:"
            " see docs/migrate.md.",
            details=details,
        )
    raise DialectUnsupported(
        f"{url}: the page uses features of {dialect.name} that aren't rendered",
        hint="docs/migrate.md says what to use in their place.",
        details=details,
    )


def unchosen(
    url: str, composition_id: str | None, ids: Sequence[str], facts: Sequence[Params] = ()
) -> HeliosError:
    """Return the error for a file of several compositions of which none can be shown.

    Args:
        composition_id: The one that was asked for.
        ids: Those that the file holds.
        facts: What each declares, where that is known.
    """
    if composition_id is not None:
        return OptionInvalid(
            f"`composition_id` {composition_id!r}: {url} has none with this id",
            hint=f"It has {', '.join(ids)}." if ids else "It has none at all.",
        )
    if not ids:
        return CompositionInvalid(f"{url}: holds no composition")
    fault = CompositionUnchosen(
        f"{url}: holds {len(ids)} compositions, and none was chosen",
        hint=f"Choose one: `composition_id` {ids[0]}",
        details=ids,
    )
    fault.compositions = facts
    return fault


def warnings_of(
    answers: Iterable[Params], hosts: Iterable[str], files: Sequence[str] = ()
) -> list[RenderWarning]:
    """Return what to warn of.

    Args:
        answers: What the page's documents said of themselves.
        hosts: Other hosts that the page asks for data.
        files: Files that the page's own system would read.
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
    for answer, ignored in zip(answers, [files, *[()] * len(answers)], strict=False):
        found += _dialect_warnings(answer["dialect"], ignored)
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


def _dialect_warnings(said: Params, files: Sequence[str]) -> list[RenderWarning]:
    kinds = (
        (
            "DIALECT_FEATURE_IGNORED",
            "the page is rendered without",
            [*said.get("ignored", ()), *files],
            "docs/migrate.md says what to use in their place.",
        ),
        (
            "VARIABLE_MISMATCH",
            "values don't fit the page's declared variables:",
            said.get("mismatches"),
            "Compare them with data-composition-variables.",
        ),
        (
            "FONT_MISSING",
            "text is drawn in other fonts than the page names:",
            said.get("fonts"),
            "Put the font files beside the page, and declare them by @font-face.",
        ),
    )
    return [
        RenderWarning(code, f"{problem} {_listed(names)}", hint=hint)
        for code, problem, names, hint in kinds
        if names
    ]


def host_of(url: str) -> str:
    """Return the host of a URL, and its port if that isn't the usual one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
