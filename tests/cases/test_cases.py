"""Pages as people write them show and sound as they must, in one chunk and in five."""

import numpy as np
import pytest

from tests.cases import audio, films, library_pages, motion, readiness  # noqa: F401 - add cases
from tests.cases.case import CASES
from tests.cases.theatre import Theatre

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("cases")]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if case.libraries else ())
        for name, case in CASES.items()
    ],
)
def test_a_case_is_right_in_one_chunk_and_in_five(theatre: Theatre, name: str) -> None:
    case = CASES[name]
    whole = theatre.show(case, chunks=1, zone=case.zones[0])
    cut = theatre.show(case, chunks=5, zone=case.zones[1])
    case.check(whole)
    case.check(cut)
    unequal = (whole.frames != cut.frames).any(axis=(1, 2, 3))
    assert np.flatnonzero(unequal).tolist() == []
