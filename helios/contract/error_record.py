"""The serialised form of an error."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from helios.contract.messages.output_tail import cut_output
from helios.contract.wire_model import WireModel
from helios.errors import CommandFailed, HeliosError, Report, parse_report


class ErrorRecord(WireModel):
    """An error as it is passed between processes and machines."""

    code: str = Field(description="Stable code, as in helios.errors.")
    message: str = Field(description="What was wrong, naming the input at fault.")
    retryable: bool = Field(default=False, description="Whether another try may succeed.")
    details: list[str] | None = Field(default=None, description="Single faults, if there are any.")
    hint: str | None = Field(default=None, description="What to do about it.")
    attempt: int | None = Field(default=None, description="The attempt that failed, from 1.")
    worker: Mapping[str, str | int] | None = Field(
        default=None,
        description="The invocation that failed, as logs are searched for it: platform, function, "
        "log group, request id, execution.",
    )

    @classmethod
    def of(cls, error: HeliosError | Report) -> Self:
        """Return the record of an exception, or of a command's error report."""
        return cls(
            code=error.code,
            message=cut_output(error.message),
            retryable=error.retryable,
            details=cut_output("\n".join(error.details)).splitlines() or None,
            hint=error.hint or None,
        )

    def shortened(self, limit: int) -> Self:
        """Return the record with each of its texts cut to at most `limit` bytes."""
        details = cut_output("\n".join(self.details or ()), limit=limit).splitlines() or None
        update = {"message": cut_output(self.message, limit=limit), "details": details}
        return self.model_copy(update=update)

    @classmethod
    def of_exit(cls, exit_code: int, stderr: str) -> Self | None:
        """Return the error of a command that failed; None for exit status 0.

        Helios commands write an error report to the end of stderr.
        """
        if exit_code == 0:
            return None
        reported = parse_report(stderr)
        if reported:
            return cls.of(reported)
        return cls(
            code=CommandFailed.code,
            message=f"the command ended with exit status {exit_code}",
            retryable=CommandFailed.retryable,
        )
