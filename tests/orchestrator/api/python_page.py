"""The examples of docs/python.md, by the sections that they stand in."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "python.md"

_SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, list[str]]:
    """Return the Python blocks of each section, padded so that tracebacks have the page's lines."""
    text = PAGE.read_text("utf-8")
    found: dict[str, list[str]] = {}
    for match in _BLOCK.finditer(text):
        before = text[: match.start(1)]
        section = _SECTION.findall(before)[-1]
        found.setdefault(section, []).append("\n" * before.count("\n") + match[1])
    return found


def run(blocks: list[str], names: dict[str, object]) -> None:
    """Execute blocks one after another, with names in common."""
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
