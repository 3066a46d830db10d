"""How frames are arranged on a contact sheet."""

import pytest

from helios.errors import OptionInvalid
from helios.renderer.encoding.codecs import MIN_SCALE
from orchestrator.api.sheets.layout import SheetLayout, grid_of


@pytest.mark.parametrize(
    ("layout", "size", "columns"),
    [
        (SheetLayout(), (1920, 1080), 4),
        (SheetLayout(), (1080, 1920), 6),
        (SheetLayout(count=3), (1920, 1080), 3),
        (SheetLayout(count=400, columns=20), (1920, 1080), 20),
    ],
)
def test_a_sheet_has_the_columns_that_are_usual_or_given(
    layout: SheetLayout, size: tuple[int, int], columns: int
) -> None:
    grid = grid_of(layout, layout.count, width=size[0], height=size[1])
    assert (grid.columns, grid.scale) == (columns, 1.0)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (100, 3000)])
def test_many_frames_get_more_columns_so_that_they_can_be_drawn(size: tuple[int, int]) -> None:
    grid = grid_of(SheetLayout(count=400), 400, width=size[0], height=size[1])
    assert grid.columns > 4
    assert grid.scale >= MIN_SCALE
    assert round(max(grid.page_width, grid.page_height) * grid.scale) <= 16_000


def test_a_sheet_that_is_too_large_names_the_option_at_fault() -> None:
    with pytest.raises(OptionInvalid, match="`columns` 1: a sheet of 400 frames of 1920 x 1080"):
        grid_of(SheetLayout(count=400, columns=1), 400, width=1920, height=1080)
    with pytest.raises(OptionInvalid, match="`count` 400: "):
        grid_of(SheetLayout(count=400), 400, width=1, height=200)
