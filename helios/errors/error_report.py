"""Error reports: how a command tells its error on stderr."""

import re
from dataclasses import dataclass

from helios.errors.base import HeliosError

_REPORT = re.compile(
    r"^error\[(?P<code>[A-Z_]+)\](?P<retry> \(retryable\))?: (?P<message>.*)"
    r"(?P<details>(?:\n  - .*)*)(?:\n(?P<hint>.+))?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Report:
    """A parsed error report; `before` is the output that precedes it."""

    code: str
    message: str
    retryable: bool
    details: tuple[str, ...] = ()
    hint: str = ""
    before: str = ""


def report(error: HeliosError) -> str:
    """Return the error report that a command writes to stderr; `parse_report` parses it."""
    retry = " (retryable)" if error.retryable else ""
    return f"error[{error.code}]{retry}: {error}"


def parse_report(stderr: str) -> Report | None:
    """Return the last error report in a command's stderr; None without one."""
    found = None
    for match in _REPORT.finditer(stderr):
        found = match
    if found is None:
        return None
    return Report(
        code=found["code"],
        message=found["message"],
        retryable=found["retry"] is not None,
        details=tuple(line.removeprefix("  - ") for line in found["details"].splitlines() if line),
        hint=found["hint"] or "",
        before=stderr[: found.start()],
    )
