"""Console messages and exceptions of a page, in lines of a command's output and in records."""

import re
from typing import Self

from pydantic import Field

from helios.contract.messages.page_line import page_line
from helios.contract.wire_model import WireModel

_LINE = re.compile(r"page\[(?:load|frame (?P<frame>\d+))\] (?P<level>\w+): (?P<text>.*)")


class PageMessage(WireModel, extra="ignore"):
    """A message of a page's console, or an exception that it didn't catch."""

    frame: int | None = Field(default=None, description="Frame, counted from 0; none: loading.")
    level: str = Field(description="As the console calls it: error, assert, warning, log.")
    text: str = Field(description="Its first line.")
    count: int = Field(default=1, ge=1, description="Number of repetitions, in all frames.")

    @classmethod
    def parse(cls, line: str) -> Self | None:
        """Parse a line of output; None for a line that isn't a page's message."""
        found = _LINE.match(line)
        if found is None:
            return None
        frame = found["frame"]
        return cls(
            frame=None if frame is None else int(frame), level=found["level"], text=found["text"]
        )

    def __str__(self) -> str:
        return page_line(self.frame, self.level, self.text, count=self.count)
