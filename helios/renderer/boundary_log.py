"""Takes note of the pictures at both ends of a render."""

import asyncio
import base64
import hashlib
import platform
import re
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from helios import __version__
from helios.boundary_frames import (
    CELL_DIGITS,
    GRID,
    IMAGE_SIDE,
    BoundaryFrames,
    BoundaryPicture,
    cell_edges,
)
from helios.ffmpeg import file_url, run_ffmpeg
from helios.reads import file_digest

_PGM = re.compile(rb"P5\s(\d+)\s(\d+)\s255\s")
_CPU_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)
_SMALL = (
    f"scale='min(iw,{IMAGE_SIDE})':'min(ih,{IMAGE_SIDE})'"
    ":force_original_aspect_ratio=decrease:flags=area"
)


class BoundaryLog:
    """The frame before a render's first one, and its last one.

    Attributes
    ----------
    before, last:
        The pictures as the browser gave them; None where there is none.
    replayed:
        Whether every frame from 0 on was visited.
    browser:
        The browser's name and version.
    """

    def __init__(self) -> None:
        self.before: bytes | None = None
        self.last: bytes | None = None
        self.replayed = False
        self.browser = ""

    async def frames_for(
        self, output: Path, *, start_frame: int, frame_count: int
    ) -> BoundaryFrames | None:
        """Return the boundary frames of an output, which is there by now; None of images.

        Raises
        ------
        EncodeFailed
            The pictures can't be decoded.
        """
        if self.last is None or not await asyncio.to_thread(output.is_file):
            return None
        images = dict.fromkeys(image for image in (self.before, self.last) if image is not None)
        pictures = dict(zip(images, await _pictures(list(images)), strict=True))
        return BoundaryFrames(
            start=start_frame,
            frames=frame_count,
            before=None if self.before is None else pictures[self.before],
            last=pictures[self.last],
            replayed=self.replayed,
            renderer={"helios": __version__, "browser": self.browser, "machine": _machine()},
            output=await asyncio.to_thread(file_digest, output),
        )


async def _pictures(images: list[bytes]) -> list[BoundaryPicture]:
    """Decode images, all at once: starting ffmpeg costs more than a picture."""
    is_png = images[0].startswith(b"\x89PNG")
    pixels = "rgba" if is_png else "rgb24"
    with tempfile.TemporaryDirectory(prefix="helios-boundary-") as scratch:
        folder = Path(scratch)
        decoded = await run_ffmpeg(
            [
                *("-threads", "1", "-f", "image2pipe", "-c:v", "png" if is_png else "mjpeg"),
                *("-i", "pipe:0", "-fps_mode", "passthrough"),
                *("-pix_fmt", "gray", "-c:v", "pgm", "-f", "image2pipe", "pipe:1"),
                *("-fps_mode", "passthrough", "-vf", _SMALL, "-pix_fmt", pixels),
                *("-c:v", "png", "-pred", "mixed", file_url(folder / "%d.png")),
            ],
            message="the pictures at the chunk's ends don't decode",
            stdin=b"".join(images),
        )
        small = [(folder / f"{number}.png").read_bytes() for number in range(1, len(images) + 1)]
    return [
        _picture(image, full, reduced)
        for image, full, reduced in zip(images, _split(decoded), small, strict=True)
    ]


def _split(data: bytes) -> list[tuple[int, int, memoryview]]:
    """Split grey images (Netpbm's PGM) in a row; return width, height and pixels of each."""
    found, at = [], 0
    while header := _PGM.match(data, at):
        width, height = int(header[1]), int(header[2])
        at = header.end() + width * height
        found.append((width, height, memoryview(data)[header.end() : at]))
    return found


def _picture(image: bytes, full: tuple[int, int, memoryview], reduced: bytes) -> BoundaryPicture:
    width, height, pixels = full
    return BoundaryPicture(
        digest=hashlib.sha256(image).hexdigest(),
        width=width,
        height=height,
        cells=_cells(width, height, pixels),
        image=base64.b64encode(reduced).decode(),
    )


def _cells(width: int, height: int, pixels: memoryview) -> str:
    columns, rows = GRID
    spans = [slice(start, end) for start, end in pairwise(cell_edges(width, columns))]
    text = ""
    for top, bottom in pairwise(cell_edges(height, rows)):
        sums = [0] * columns
        for y in range(top, bottom):
            row = pixels[y * width : (y + 1) * width]
            sums = [crc32(row[span], value) for span, value in zip(spans, sums, strict=True)]
        text += "".join(f"{value & 0xFFFF:0{CELL_DIGITS}x}" for value in sums)
    return text


@cache
def _machine() -> str:
    """Return the kind of processor: which one it is decides how some pixels are rounded."""
    try:
        model = _CPU_MODEL.search(Path("/proc/cpuinfo").read_text("utf-8", errors="replace"))
    except OSError:
        model = None
    return " ".join(filter(None, (platform.machine(), model and model[1].strip())))
