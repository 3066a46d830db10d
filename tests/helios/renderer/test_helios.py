"""What pages of Helios declare, and what they are driven by."""

from fractions import Fraction
from pathlib import Path

import pytest

from helios.renderer.composition import Composition
from helios.renderer.dialects import open_dialect
from helios.renderer.inspect import inspect
from helios.renderer.page import PageOptions

from .conftest import Studio

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("script", "duration"),
    [
        ("{ duration: { value: 4 }, getState: () => ({ duration: 9 }) }", 4),
        ("{ duration: 4 }", 4),
        ("{ getState: () => ({ duration: 4 }) }", 4),
        ("{ duration: { value: 0 }, getState: () => ({ duration: 4 }) }", 4),
        ("{ duration: {} }", None),
    ],
)
def test_a_composition_declares_its_length(
    studio: Studio, tmp_path: Path, script: str, duration: float | None
) -> None:
    (tmp_path / "index.html").write_text(
        f"<!doctype html><script>window.helios = {script}</script>"
    )
    composition = Composition.find(str(tmp_path))
    dialect, declared = open_dialect(composition, None)
    page = PageOptions(
        width=declared.width, height=declared.height, rate=declared.rate, dialect=dialect
    )
    facts = studio.run(inspect(composition, page, audio=False))
    assert (facts.as_json()["dialect"], facts.duration) == ("html", duration)


def test_a_composition_that_is_told_of_the_time_isnt_sought(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        """<!doctype html><html data-duration="1"><script>
window.__HELIOS_VIRTUAL_TIME__ = undefined;
window.helios = {
  syncWithDocumentTimeline: true, seek() { throw new Error("sought"); },
  waitUntilStable: async () => {
    if (window.__HELIOS_VIRTUAL_TIME__ !== performance.now()) throw new Error("late");
  },
};
</script></html>"""
    )
    composition = Composition.find(str(tmp_path))
    page = PageOptions(
        width=64, height=48, rate=Fraction(30), dialect=open_dialect(composition, None)[0]
    )
    assert studio.run(inspect(composition, page)).duration == 1
