import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.frame_rate import frame_rate, frame_time, samples_before
from helios.errors import OptionInvalid


@pytest.mark.parametrize(
    ("fps", "exact"),
    [
        (30, Fraction(30)),
        (30.0, Fraction(30)),
        ("25", Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_a_rate_is_the_exact_one_that_it_stands_for(fps: float | str, exact: Fraction) -> None:
    assert frame_rate(fps) == exact


@pytest.mark.parametrize(
    "fps", [0, -1, 1001, "nan", "inf", "fast", "", "1/0", "1e999999999", "1e-999999999"]
)
def test_what_is_no_rate_is_refused(fps: float | str) -> None:
    with pytest.raises(OptionInvalid):
        frame_rate(fps)


def test_a_frame_of_an_ntsc_rate_has_an_exact_time() -> None:
    assert frame_time(30000, frame_rate(29.97)) == 1001


@given(
    st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001)]),
    st.lists(st.integers(0, 100_000), min_size=2, max_size=8),
)
def test_samples_of_consecutive_ranges_add_up(rate: Fraction, seams: list[int]) -> None:
    seams.sort()
    positions = [samples_before(seam, rate, 48_000) for seam in seams]
    lengths = [after - before for before, after in itertools.pairwise(positions)]
    assert all(length >= 0 for length in lengths)
    assert sum(lengths) == positions[-1] - positions[0]
