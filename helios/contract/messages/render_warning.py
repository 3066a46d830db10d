"""Warnings of a render that continues."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class RenderWarning:
    """A warning with a stable code, as documented on the troubleshooting page.

    The message names what is at fault; the hint is one sentence of advice.
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
    "DIALECT_FEATURE_IGNORED",
    "FEATURE_UNSUPPORTED",
    "FONT_MISSING",
    "LIVE_DATA",
    "MERGE_TOO_LARGE",
    "PICTURE_BLANK",
    "PICTURE_STILL",
    "TIME_LIMIT_NEAR",
    "VARIABLE_MISMATCH",
)
