"""Pages that are compared with their references: the examples, and those of real libraries."""

import re
import shutil
from fractions import Fraction
from pathlib import Path

from tests.cases import library_pages  # noqa: F401 - adds cases
from tests.cases.case import CASES, Case
from tests.cases.theatre import Theatre

_EXAMPLES = Path(__file__).parents[2] / "examples"
#: Frames per second of examples that last up to ten seconds; longer ones have as many frames.
_RATE = Fraction(6)
_MOST_FRAMES = 60


def _example(page: Path) -> Case:
    declared = re.search(r'data-duration="([\d.]+)"', page.read_text("utf-8"))
    assert declared is not None, page
    rate = min(_RATE, _MOST_FRAMES / Fraction(declared[1]))
    return Case(
        name=page.parent.name,
        check=lambda _: None,
        seconds=float(declared[1]),
        rate=rate,
        files={},
        folder=f"example-{page.parent.name}",
    )


EXAMPLES = {page.parent.name: _example(page) for page in sorted(_EXAMPLES.glob("*/index.html"))}
_OF_DIALECTS = ("helios-", "hyperframes-", "lottie-", "remotion-")
LIBRARY_PAGES = {
    name: case
    for name, case in CASES.items()
    if case.libraries and not name.startswith(_OF_DIALECTS)
}
PAGES = {**{f"example-{name}": case for name, case in EXAMPLES.items()}, **LIBRARY_PAGES}


def write_page(theatre: Theatre, case: Case) -> Path:
    """Write a page's files; return their folder."""
    folder = theatre.write(case)
    if case.name in EXAMPLES:
        shutil.copytree(_EXAMPLES / case.name, folder, dirs_exist_ok=True)
    return folder
