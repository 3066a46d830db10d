"""Examples and pages of real libraries equal their references, in every cut."""

import numpy as np
import pytest

from tests.cases.reference_pages import EXAMPLES, LIBRARY_PAGES, PAGES, write_page
from tests.cases.shown import Shown
from tests.cases.theatre import Theatre

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.xdist_group("cases")]


def unequal(one: Shown, other: Shown) -> list[int]:
    """Return the frames that differ."""
    return np.flatnonzero((one.frames != other.frames).any(axis=(1, 2, 3))).tolist()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_equals_its_reference_in_every_cut_and_in_two_browsers(
    theatre: Theatre, name: str
) -> None:
    case = PAGES[name]
    write_page(theatre, case)

    reference = theatre.show(case, chunks=1, reference=True)

    assert len(reference.frames) == case.frame_count
    assert len(np.unique(reference.frames, axis=0)) > 1
    for chunks in (1, 3, 7):
        assert unequal(reference, theatre.show(case, chunks=chunks)) == [], f"{chunks} chunks"
    assert unequal(reference, theatre.show_in_two_browsers(case)) == []


def test_there_is_a_page_of_every_library() -> None:
    packages = {
        source.partition("/")[0]
        for case in LIBRARY_PAGES.values()
        for source in case.libraries.values()
    }
    bundled = {source for case in LIBRARY_PAGES.values() for source in case.libraries.values()}
    assert packages >= {
        *("gsap", "animejs", "motion", "d3", "three", "pixi.js", "p5", "lottie-web"),
        *("chart.js", "echarts", "vue"),
    }
    assert bundled >= {".bundles/react.js", ".bundles/svelte.js"}
    assert len(EXAMPLES) == 10
    assert max(case.frame_count for case in EXAMPLES.values()) <= 60
