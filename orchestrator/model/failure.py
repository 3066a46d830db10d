"""A chunk or merge that failed after all attempts, and its description."""

from collections.abc import Sequence
from dataclasses import dataclass

from helios.contract.error_record import ErrorRecord
from helios.errors import parse_report
from orchestrator.model.chunk_progress import PROGRESS_LINE

# Lines of stderr that the message about a failure quotes, and characters of each.
_QUOTED_LINES = 5
_QUOTED_COLUMNS = 300
# Characters from the end of stderr in which they are looked for.
_SEARCHED_STDERR = 8 * 1024


@dataclass(frozen=True, slots=True)
class Failure:
    """A chunk or merge that failed: number of attempts, error, and last output."""

    what: str
    attempts: int
    error: ErrorRecord
    stderr: str

    def __str__(self) -> str:
        tries = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        lines = [f"{self.what}: {self.error.code} after {tries}: {_one_line(self.error.message)}"]
        lines += [f"    {detail}" for detail in self.error.details or ()]
        # The report at the end of stderr is part of the error already.
        reported = parse_report(self.stderr)
        tail = _tail(self.stderr if reported is None else reported.before)
        return "\n".join(lines + [f"    stderr: {line}" for line in tail])


def hint_of(failures: Sequence[Failure]) -> str:
    """Return the hint for some failures: their common one, if they have one."""
    return " ".join(dict.fromkeys(failure.error.hint for failure in failures if failure.error.hint))


def _tail(stderr: str) -> list[str]:
    """Return the last lines of an output, without progress lines."""
    # Reading backwards a little keeps a 64 KiB output from being split for a short quote.
    lines = [line.rstrip() for line in stderr[-_SEARCHED_STDERR:].splitlines()]
    told = [line for line in lines if line.strip() and not PROGRESS_LINE.match(line)]
    return [line[-_QUOTED_COLUMNS:] for line in told[-_QUOTED_LINES:]]


def _one_line(text: str) -> str:
    return " | ".join(filter(None, (line.strip() for line in text.splitlines())))
