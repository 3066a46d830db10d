"""Pages as people write them show and sound as they must, in one chunk and in five."""

import numpy as np
import pytest

from tests.cases import (  # noqa: F401 - add cases
    audio,
    films,
    helios,
    hyperframes,
    images,
    library_pages,
    lottie,
    motion,
    readiness,
    remotion,
)
from tests.cases.case import CASES
from tests.cases.libraries import require_lottie_player
from tests.cases.theatre import Theatre
from tests.sampling import sampled

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("cases")]

#: One of each kind; the others are marked `long`.
SAMPLE = frozenset(
    {
        "animations-by-scrolling",
        "film-of-29-97",
        "helios-a-page-of-24-shown-at-30-stands-at-whole-frames",
        "hyperframes-a-video-is-shown-in-its-window",
        "hyperframes-sounds-are-placed",
        "hyperframes-two-hosts-of-one-file-are-apart",
        "image-an-svg-by-smil-and-css",
        "lottie-each-frame-is-exact-at-29-97",
        "sound-as-loud-as-its-file",
        "volume-by-interval",
    }
)
#: They need packages from npm.
WITH_LIBRARIES = [name for name, case in CASES.items() if case.libraries]


@pytest.mark.parametrize("name", sampled(CASES, SAMPLE, proofs=WITH_LIBRARIES))
def test_a_case_is_right_in_one_chunk_and_in_five(theatre: Theatre, name: str) -> None:
    case = CASES[name]
    if name.startswith("lottie-"):
        require_lottie_player()
    whole = theatre.show(case, chunks=1, zone=case.zones[0])
    cut = theatre.show(case, chunks=5, zone=case.zones[1])
    case.check(whole)
    case.check(cut)
    unequal = (whole.frames != cut.frames).any(axis=(1, 2, 3))
    assert np.flatnonzero(unequal).tolist() == []


def test_the_sample_is_of_cases_that_need_no_library() -> None:
    assert [name for name in sorted(SAMPLE) if CASES[name].libraries] == []
