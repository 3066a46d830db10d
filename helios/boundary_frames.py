"""The pictures at both ends of a chunk, by which a seam between two chunks is proven.

A chunk draws the last frame of the chunk before it as well, without encoding it. The seam is proven
if that picture is the one that the other chunk ended with: the page looks the same, whether it was
brought to the frame from the beginning of one chunk or of the other.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Self

from helios.output import whole_output

#: Environment variable that names the file for a command's boundary frames. Commands stay as they
#: are in the job spec, and so do the keys of their chunks.
BOUNDARY_VARIABLE = "HELIOS_BOUNDARY_FRAMES"
#: Cells in a row and in a column, by which the region is found where pictures differ.
GRID = (32, 18)
#: Hexadecimal digits of each cell's checksum.
CELL_DIGITS = 4
#: Longest side of the small image in pixels; base64 makes at most 90 KB of its bytes.
IMAGE_SIDE = 128

Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True, kw_only=True)
class BoundaryPicture:
    """What is kept of one captured frame.

    Attributes
    ----------
    digest:
        SHA-256 of the picture as the browser gave it.
    width, height:
        Its size in pixels.
    cells:
        A checksum of the brightness in each cell of `GRID`, row by row.
    image:
        The picture reduced to `IMAGE_SIDE`: a PNG file in base64.
    """

    digest: str
    width: int
    height: int
    cells: str
    image: str

    def region_unlike(self, other: "BoundaryPicture") -> Region:
        """Return the region in which two pictures differ; all of them if only colours do."""
        columns, rows = GRID
        whole = (0, 0, self.width, self.height)
        if (self.width, self.height) != (other.width, other.height):
            return whole
        unlike = [
            divmod(number, columns)
            for number in range(columns * rows)
            if self._cell(number) != other._cell(number)
        ]
        if not unlike:
            return whole
        lines, places = zip(*unlike, strict=True)
        left, right = (_edge(self.width, columns, n) for n in (min(places), max(places) + 1))
        top, bottom = (_edge(self.height, rows, n) for n in (min(lines), max(lines) + 1))
        return (left, top, right - left, bottom - top)

    def _cell(self, number: int) -> str:
        return self.cells[number * CELL_DIGITS : (number + 1) * CELL_DIGITS]


@dataclass(frozen=True, kw_only=True)
class BoundaryFrames:
    """The pictures at both ends of a chunk.

    Attributes
    ----------
    start, frames:
        The chunk's first frame, and how many it has.
    before:
        The frame before the first one, as this chunk's browser drew it; None for frame 0.
    last:
        The last frame.
    replayed:
        Whether every frame from 0 on was visited.
    renderer:
        What else decides pixels: versions and machine. Only pictures of one renderer are equal
        to the bit.
    output:
        SHA-256 of the file that holds the chunk; empty where that is noted elsewhere.
    """

    start: int
    frames: int
    last: BoundaryPicture
    before: BoundaryPicture | None = None
    replayed: bool = False
    renderer: Mapping[str, str] = field(default_factory=dict)
    output: str = ""

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read boundary frames from a file; None where there are none that can be read."""
        try:
            value = json.loads(path.read_bytes())
            before = value.pop("before")
            return cls(
                **{**value, "last": BoundaryPicture(**value["last"])},
                before=None if before is None else BoundaryPicture(**before),
            )
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None

    def save(self, path: Path) -> None:
        """Write the boundary frames to a file, which appears when it is whole.

        Raises
        ------
        OutputUnwritable, DiskFull
        """
        with whole_output(path) as folder:
            (folder / "whole").write_text(json.dumps(dataclasses.asdict(self)), "utf-8")


def boundary_beside(output: str) -> str:
    """Return the name of the file with the boundary frames of an output."""
    return str(PurePosixPath(output).with_suffix(".boundary.json"))


def cell_edges(size: int, count: int) -> list[int]:
    """Return where the cells of a row or column begin, and where the last one ends, in pixels."""
    return [_edge(size, count, number) for number in range(count + 1)]


def _edge(size: int, count: int, number: int) -> int:
    return size * number // count
