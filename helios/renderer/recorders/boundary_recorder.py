"""Records the frames at both ends of a chunk."""

import asyncio
import platform
import re
from functools import cache
from pathlib import Path

from helios import __version__
from helios.media.raw_picture import pack_raw_frame
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures, picture_digest
from helios.records.input_manifest import file_digest

_CPU_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)


class BoundaryRecorder:
    """The frame before a chunk's first frame, and its last frame.

    Attributes:
        before, last: The pictures as captured; None where there is no such frame.
        raw_size: Width and height in pixels of pictures that are raw frames; None for JPEG and PNG.
        replayed: Whether every frame from 0 on was visited.
        browser: The browser's name and version.
    """

    def __init__(self) -> None:
        self.before: bytes | None = None
        self.last: bytes | None = None
        self.raw_size: tuple[int, int] | None = None
        self.replayed = False
        self.browser = ""

    async def save(self, path: Path, *, output: Path, frames: range) -> None:
        """Write the boundary frames of an output that exists. Image sequences have none."""
        await asyncio.to_thread(self._save, path, output, frames)

    def _save(self, path: Path, output: Path, frames: range) -> None:
        if self.last is None or not output.is_file():
            return
        boundary = BoundaryFrames(
            start=frames.start,
            frames=len(frames),
            before=None if self.before is None else picture_digest(self.before),
            last=picture_digest(self.last),
            replayed=self.replayed,
            renderer={
                "helios": __version__,
                "browser": self.browser,
                "machine": _machine(),
                "pictures": "files" if self.raw_size is None else "raw",
            },
            output=file_digest(output),
        )
        pictures = BoundaryPictures(before=self._file(self.before), last=self._file(self.last))
        boundary.save(path, pictures)

    def _file(self, picture: bytes | None) -> bytes | None:
        if picture is None or self.raw_size is None:
            return picture
        return pack_raw_frame(picture, self.raw_size)


@cache
def _machine() -> str:
    """Return the processor model, on which the rounding of some pixels depends."""
    try:
        model = _CPU_MODEL.search(Path("/proc/cpuinfo").read_text("utf-8", errors="replace"))
    except OSError:
        model = None
    return " ".join(filter(None, (platform.machine(), model and model[1].strip())))
