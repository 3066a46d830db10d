"""The page of a report: one HTML file with its styles, scripts and data."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

_PAGE = files("orchestrator.report") / "page"
_PLACE = re.compile(r"\{\{(\w+)\}\}")
#: Scripts of the page, in the order in which they run.
SCRIPTS = (
    "format.js",
    "elements.js",
    "model.js",
    "canvas.js",
    "waterfall.js",
    "timeline.js",
    "chunk_table.js",
    "chunk_details.js",
    "sections.js",
    "live.js",
    "main.js",
)


def report_page(document: Mapping[str, Any]) -> str:
    """Return the page of a report that has no secrets: it needs no network and makes no requests.

    Args:
        document: The report as JSON value.
    """
    name = str(document.get("name") or document.get("id"))
    return _page(title=f"{name} - {document.get('state')}", data=document, own="")


def live_page() -> str:
    """Return the page that follows a job at the server which it comes from."""
    return _page(title="Render", data=None, own="'self'")


def joined_scripts(names: Iterable[str], more: str = "") -> str:
    """Return scripts of the page, and one that uses them, as the content of one element."""
    return "\n".join(['"use strict";', *map(_text, names), more])


def source_of(script: str) -> str:
    """Return the source by which a content security policy allows this script alone."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _page(*, title: str, data: Mapping[str, Any] | None, own: str) -> str:
    script = joined_scripts(SCRIPTS)
    connects = own or "'none'"
    policy = (
        f"default-src 'none'; img-src data: {own}; media-src blob: {own};"
        f" style-src 'unsafe-inline'; script-src {source_of(script)}; connect-src {connects};"
        " base-uri 'none'; form-action 'none'"
    )
    # No end tag and no comment can begin in the data.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "policy": policy,
        "title": html.escape(title),
        "style": _text("style.css"),
        "data": text,
        "script": script,
    }
    # All at once: what a part contains isn't replaced.
    return _PLACE.sub(lambda place: parts[place[1]], _text("index.html"))


def _text(name: str) -> str:
    return (_PAGE / name).read_text("utf-8")
