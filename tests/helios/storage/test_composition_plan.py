"""Parts of an object that S3 makes of others."""

from hypothesis import given
from hypothesis import strategies as st

from helios.storage.composition_plan import (
    MAX_PART,
    MAX_PARTS,
    MIN_PART,
    Range,
    count_to_combine,
    plan_parts,
    size_of,
)

MIB = 1 << 20
SIZES = st.lists(
    st.one_of(
        st.integers(0, 3 * MIB),
        st.integers(MIN_PART - 2, MIN_PART + 2),
        st.integers(0, 40 * MIB),
        st.integers(MAX_PART - 2, 3 * MAX_PART),
    ),
    max_size=30,
)


def ranges(sizes: list[int]) -> list[Range]:
    return [Range(str(number), 0, size) for number, size in enumerate(sizes)]


@given(SIZES)
def test_parts_hold_every_byte_once_in_order(sizes: list[int]) -> None:
    pieces = [each for part in plan_parts(ranges(sizes)) for each in part]

    ends = dict.fromkeys(map(str, range(len(sizes))), 0)
    for each in pieces:
        assert each.start == ends[each.key]
        ends[each.key] = each.end
    assert list(ends.values()) == sizes
    assert [int(each.key) for each in pieces] == sorted(int(each.key) for each in pieces)


@given(SIZES)
def test_parts_are_of_sizes_that_s3_takes(sizes: list[int]) -> None:
    parts = plan_parts(ranges(sizes))

    assert all(MIN_PART <= size_of([part]) <= MAX_PART for part in parts[:-1])
    assert all(0 < size_of([part]) <= MAX_PART for part in parts)


@given(SIZES)
def test_only_small_ranges_pass_through_here(sizes: list[int]) -> None:
    through = sum(size_of([part]) for part in plan_parts(ranges(sizes)) if len(part) > 1)
    assert through <= sum(1 for size in sizes if size < MIN_PART) * 3 * MIN_PART


def test_objects_of_five_mib_and_more_are_copied_one_by_one() -> None:
    assert plan_parts(ranges([MIN_PART] * 9)) == [(each,) for each in ranges([MIN_PART] * 9)]


def test_parts_that_fit_one_object_are_not_combined() -> None:
    assert count_to_combine(plan_parts(ranges([MIN_PART] * MAX_PARTS))) == 0


def test_as_few_parts_as_needed_are_combined() -> None:
    for extra in (1, 2, 500):
        parts = plan_parts(ranges([MIN_PART] * (MAX_PARTS + extra)))
        count = count_to_combine(parts)
        left = len(plan_parts([Range("combined", 0, size_of(parts[:count]))])) + len(parts) - count
        assert left <= MAX_PARTS
        assert count <= extra + 4
