"""The time that a page takes for its frames, by what it is spent on."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class PageTimes:
    """Seconds spent since the times were last taken.

    Attributes:
        script: Moving the page to a frame: scripts, styles and layout.
        waiting: The part of moving that waits for requests of the page; not part of `script`.
        raster: Drawing and capturing pictures.
    """

    script: float = 0.0
    waiting: float = 0.0
    raster: float = 0.0

    @contextlib.contextmanager
    def measure(self, kind: Literal["script", "waiting", "raster"]) -> Iterator[None]:
        """Add the time of a context."""
        began = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, kind, getattr(self, kind) + time.perf_counter() - began)

    def take(self) -> "PageTimes":
        """Return the times, and begin again at 0."""
        taken = PageTimes(max(0.0, self.script - self.waiting), self.waiting, self.raster)
        self.script = self.waiting = self.raster = 0.0
        return taken
