"""Compares two pictures of one frame."""

import re
from dataclasses import dataclass
from pathlib import Path

from helios.media.ffmpeg import file_url, run_ffmpeg
from helios.media.raw_picture import is_raw_picture, unpack_raw_picture
from helios.output import whole_output

#: Tolerated difference, of 255 levels, between pictures of different machines or versions, reduced
#: to `TOLERANCE_WIDTH`: each pixel is the mean of a hundred or more of full HD.
TOLERANCE = 4
TOLERANCE_WIDTH = 128
#: Largest width of each of the pictures side by side.
_PANEL_WIDTH = 960
#: Further flags of `scale`: without them, colours of JPEG files and raw frames are levels off.
_EXACT = "+accurate_rnd+full_chroma_int"
_PAM_SIZE = re.compile(rb"P7\nWIDTH (\d+)\nHEIGHT (\d+)\n.*?ENDHDR\n", re.DOTALL)


@dataclass(frozen=True)
class _File:
    """A picture as ffmpeg reads it: its data, demuxer and ending, and what `scale` must know."""

    data: bytes
    demuxer: str
    suffix: str
    colours: str = ""


Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


async def region_unlike(one: bytes, other: bytes) -> Region | None:
    """Return the smallest region with all pixels in which two pictures differ.

    They are PNG or JPEG files, or packed raw frames.

    None if their sizes differ, or if only their encoding does.
    """
    (size, a), (other_size, b) = await _pixels(one), await _pixels(other)
    if size != other_size:
        return None
    width, height = size
    stride = len(a) // height
    lines = range(0, len(a), stride)
    unlike = [at for at in lines if a[at : at + stride] != b[at : at + stride]]
    if not unlike:
        return None
    pairs = [(a[at : at + stride], b[at : at + stride]) for at in unlike]
    left = min(_first_unlike(x, y) for x, y in pairs) * width // stride
    right = width - min(_first_unlike(x[::-1], y[::-1]) for x, y in pairs) * width // stride
    top, bottom = unlike[0] // stride, unlike[-1] // stride + 1
    return (left, top, right - left, bottom - top)


async def is_alike(one: bytes, other: bytes) -> bool:
    """Return whether two pictures differ by no more than the tolerance."""
    reduced = f"scale={TOLERANCE_WIDTH}:-1:flags=area{_EXACT}"
    (size, a), (other_size, b) = await _pixels(one, reduced), await _pixels(other, reduced)
    return size == other_size and all(abs(x - y) <= TOLERANCE for x, y in zip(a, b, strict=True))


async def save_side_by_side(one: bytes, other: bytes, path: Path) -> None:
    """Write two pictures and their difference, brightened four times, side by side."""
    files = [_file_of(one), _file_of(other)]
    first, second = (
        f"scale='min(iw,{_PANEL_WIDTH})':-2:flags=area{file.colours},format=rgb24,setsar=1"
        for file in files
    )
    graph = (
        f"[0]{first},split[a][x];[1]{second},split[b][y];"
        "[x][y]blend=all_mode=difference,lutrgb=r=4*val:g=4*val:b=4*val[d];"
        "[a]pad=iw+8:ih:0:0:gray[a];[b]pad=iw+8:ih:0:0:gray[b];[a][b][d]hstack=3"
    )
    with whole_output(path) as folder:
        inputs = []
        for number, file in enumerate(files):
            path_of_file = folder / f"{number}.{file.suffix}"
            path_of_file.write_bytes(file.data)
            inputs += ["-i", file_url(path_of_file)]
        made = folder / "made.png"
        await run_ffmpeg(
            [*inputs, "-filter_complex", graph, "-frames:v", "1", file_url(made)],
            message=f"{path} can't be written",
        )
        made.replace(folder / "whole")


async def _pixels(
    picture: bytes, scale: str = "scale=flags=bicubic"
) -> tuple[tuple[int, int], bytes]:
    """Decode a picture; return its size, and four bytes for each pixel."""
    file = _file_of(picture)
    pam = await run_ffmpeg(
        [
            *("-f", file.demuxer, "-i", "pipe:0"),
            *("-vf", scale + file.colours, "-frames:v", "1", "-pix_fmt", "rgba"),
            *("-f", "image2pipe", "-c:v", "pam", "pipe:1"),
        ],
        message="a chunk's picture doesn't decode",
        stdin=file.data,
    )
    with_size = _PAM_SIZE.match(pam)
    assert with_size is not None  # noqa: S101 - ffmpeg was asked for this format
    return (int(with_size[1]), int(with_size[2])), pam[with_size.end() :]


def _first_unlike(one: bytes, other: bytes) -> int:
    """Return the position of the first byte in which two different rows differ."""
    low, high = 0, len(one)
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _file_of(picture: bytes) -> _File:
    if is_raw_picture(picture):
        colours = ":in_color_matrix=bt709:in_range=tv"
        return _File(unpack_raw_picture(picture), "yuv4mpegpipe", "y4m", colours)
    if picture.startswith(b"\x89PNG"):
        return _File(picture, "png_pipe", "png")
    return _File(picture, "jpeg_pipe", "jpg")
