"""Warnings of a render that continues."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class RenderWarning:
    """A warning with a stable code.

    Attributes
    ----------
    code:
        As documented on the troubleshooting page.
    message:
        What may be wrong, naming what is at fault.
    hint:
        What to do about it; one sentence.
    """

    code: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the warning for programs."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(filter(None, (f"warning[{self.code}]: {self.message}", self.hint)))


#: Every code that a warning may have.
WARNING_CODES = (
    "CANVAS_TAINTED",
    "FEATURE_UNSUPPORTED",
    "MERGE_TOO_LARGE",
    "LIVE_DATA",
    "PICTURE_BLANK",
    "PICTURE_STILL",
)
