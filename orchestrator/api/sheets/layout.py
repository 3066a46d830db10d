"""Arranges frames on a contact sheet."""

from dataclasses import dataclass
from typing import Literal

from helios.errors import OptionInvalid
from helios.renderer.encoding.codecs import MIN_SCALE

#: Limits of a sheet: more frames than that can't be told apart on it.
MAX_FRAMES = 400
MAX_COLUMNS = 40
#: Sizes in pixels. The page has the same paddings.
_ROW_WIDTH = 1920
_GAP, _PADDING, _HEADER, _LABEL = 20, 48, 84, 38
#: Width of the narrowest sheet, and of the widest frame on one.
_NARROWEST = 640
#: Largest side of an image that browsers take.
_MAX_SIDE = 16_000

Theme = Literal["dark", "light"]


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """How frames are arranged on a sheet.

    Attributes:
        count: Number of frames, spread over the timeline from the first to the last.
        columns: Frames in a row; by default 4, or 6 of upright videos, and more of many frames.
        labels: Whether each frame has its time and its number below.
        theme: `dark` or `light`.
    """

    count: int = 16
    columns: int | None = None
    labels: bool = True
    theme: Theme = "dark"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_FRAMES:
            raise OptionInvalid(f"`count` {self.count}: must be 1 to {MAX_FRAMES}")
        if self.columns is not None and not 1 <= self.columns <= MAX_COLUMNS:
            raise OptionInvalid(f"`columns` {self.columns}: must be 1 to {MAX_COLUMNS}")
        if self.theme not in ("dark", "light"):
            raise OptionInvalid(f"`theme` {self.theme!r}: must be dark or light")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Sizes of a sheet in CSS pixels.

    Attributes:
        columns: Frames in a row.
        width, height: Size of a frame.
        page_width, page_height: Size of the whole sheet.
        scale: Pixels of the image per CSS pixel.
    """

    columns: int
    width: int
    height: int
    page_width: int
    page_height: int
    scale: float


def grid_of(layout: SheetLayout, count: int, *, width: int, height: int) -> Grid:
    """Return the grid of some pictures of a size, large enough to be drawn.

    Raises:
        OptionInvalid: The sheet would be larger than browsers can draw.
    """
    columns = min(layout.columns or (6 if height > width else 4), count)
    most = columns if layout.columns else min(MAX_COLUMNS, count)
    for each in range(columns, most + 1):
        grid = _grid(layout, count, each, ratio=height / width)
        if grid.scale >= MIN_SCALE:
            return grid
    name = f"`columns` {columns}" if layout.columns else f"`count` {layout.count}"
    raise OptionInvalid(
        f"{name}: a sheet of {count} frames of {width} x {height} is too large",
        hint="Give a lower `count` or more `columns`.",
    )


def _grid(layout: SheetLayout, count: int, columns: int, *, ratio: float) -> Grid:
    rows = -(-count // columns)
    # A sheet of few columns isn't as wide as one of many: its frames would be large.
    width = min(_ROW_WIDTH // columns, _NARROWEST)
    height = max(1, round(width * ratio))
    label = _LABEL if layout.labels else 0
    page_width = 2 * _PADDING + columns * width + (columns - 1) * _GAP
    page_height = 2 * _PADDING + _HEADER + rows * (height + label) + (rows - 1) * _GAP
    return Grid(
        columns=columns,
        width=width,
        height=height,
        page_width=max(page_width, _NARROWEST),
        page_height=page_height,
        scale=min(1.0, _MAX_SIDE / max(page_width, page_height)),
    )
