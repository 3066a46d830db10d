"""Writes lists for ffmpeg's concat demuxer, with any file names.

Format: https://ffmpeg.org/ffmpeg-formats.html#concat-1 with the quoting of
https://ffmpeg.org/ffmpeg-utils.html#Quoting-and-escaping.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

#: Characters that the list's lines can't hold, however they are quoted.
_LINE_ENDS = ("\n", "\r")


def concat_list(
    inputs: Sequence[Path], *, folder: Path, starts: Sequence[Fraction] | None = None
) -> Path:
    """Write a list that names `inputs` in order, and return its path.

    The list, and links to files that it can't name, are written to `folder`, whose own name it can
    hold. `starts` are the times in seconds at which the inputs start, followed by the end of the
    last one: as running sums, their rounding to microseconds doesn't add up.
    """
    lines = ["ffconcat version 1.0"]
    for number, path in enumerate(inputs):
        lines.append(f"file {_quoted(_nameable(path, folder=folder, number=number))}")
        if starts is not None:
            micros = _micros(starts[number + 1]) - _micros(starts[number])
            lines.append(f"duration {micros // 1_000_000}.{micros % 1_000_000:06d}")
    listing = folder / "inputs.ffconcat"
    listing.write_bytes("\n".join([*lines, ""]).encode("utf-8", "surrogateescape"))
    return listing


def _micros(seconds: Fraction) -> int:
    return round(seconds * 1_000_000)


def _quoted(path: Path) -> str:
    return "'" + f"file:{path}".replace("'", r"'\''") + "'"


def _nameable(path: Path, *, folder: Path, number: int) -> Path:
    absolute = path.absolute()
    if not any(end in str(absolute) for end in _LINE_ENDS):
        return absolute
    link = folder / f"{number}{path.suffix if path.suffix.isprintable() else ''}"
    link.symlink_to(absolute)
    return link.absolute()
