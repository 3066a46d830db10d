"""The base of all errors, and exit statuses of commands."""

from collections.abc import Sequence
from typing import ClassVar

#: Exit status of a command that failed with valid input; another try may succeed.
EXIT_FAILED = 1
#: Exit status of a command that refused its input or environment; another try would fail again.
EXIT_REFUSED = 2
#: Exit status of a command that stopped at a cost or time limit; finished work is kept.
EXIT_LIMIT = 3
#: Exit status after Ctrl-C (128 + SIGINT).
EXIT_INTERRUPTED = 130


class HeliosError(Exception):
    """An error with a stable code.

    Args:
        message: Description of the fault, which names the faulty input.
        hint: Advice in one sentence.
        details: Single faults, one per line (for instance the JSON paths of a job spec's faults).
        retryable: Whether another try may succeed; by default as for the class.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: bool = False

    def __init_subclass__(cls, *, code: str | None = None, retryable: bool | None = None) -> None:
        """Set what instances of a subclass have in common; by default as for the parent class."""
        if code is not None:
            cls.code = code
        if retryable is not None:
            cls.retryable = retryable

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Sequence[str] = (),
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_FAILED if self.retryable else EXIT_REFUSED

    def __str__(self) -> str:
        lines = [self.message, *(f"  - {detail}" for detail in self.details)]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)
