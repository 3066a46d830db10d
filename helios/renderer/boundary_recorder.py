"""Records the pictures at both ends of a render."""

import asyncio
import platform
import re
from functools import cache
from pathlib import Path

from helios import __version__
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures, picture_digest
from helios.records.input_manifest import file_digest

_CPU_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)


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

    async def save(self, path: Path, *, output: Path, start_frame: int, frame_count: int) -> None:
        """Write the boundary frames of an output, which is there by now; none of images.

        Raises
        ------
        OutputUnwritable, DiskFull
        """
        await asyncio.to_thread(self._save, path, output, start_frame, frame_count)

    def _save(self, path: Path, output: Path, start_frame: int, frame_count: int) -> None:
        if self.last is None or not output.is_file():
            return
        frames = BoundaryFrames(
            start=start_frame,
            frames=frame_count,
            before=None if self.before is None else picture_digest(self.before),
            last=picture_digest(self.last),
            replayed=self.replayed,
            renderer={"helios": __version__, "browser": self.browser, "machine": _machine()},
            output=file_digest(output),
        )
        frames.save(path, BoundaryPictures(before=self.before, last=self.last))


@cache
def _machine() -> str:
    """Return the kind of processor: which one it is decides how some pixels are rounded."""
    try:
        model = _CPU_MODEL.search(Path("/proc/cpuinfo").read_text("utf-8", errors="replace"))
    except OSError:
        model = None
    return " ".join(filter(None, (platform.machine(), model and model[1].strip())))
