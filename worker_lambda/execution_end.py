"""Parses the end of an execution, as Step Functions reports it to a state and as an event."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from helios import errors
from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.wire_model import WireModel
from helios.errors import HeliosError, InvocationInvalid

_MILLISECONDS = 1000
#: Errors for the error names of Step Functions and Lambda.
_NAMES: dict[str, type[HeliosError]] = {
    "Lambda.TooManyRequestsException": errors.WorkerThrottled,
    "Lambda.Unknown": errors.WorkerCrashed,
    "Runtime.ExitError": errors.WorkerCrashed,
    "Runtime.UnmarshalError": errors.InvocationInvalid,
    "Runtime.OutOfMemory": errors.OutOfMemory,
    "Sandbox.Timedout": errors.CommandTimedOut,
    "States.ItemReaderFailed": errors.JobSpecNotFound,
    "States.Timeout": errors.CommandTimedOut,
}
#: Error names of a failed map, which don't contain the cause.
MAP_FAILED = frozenset({"States.ExceedToleratedFailureThreshold", "States.TaskFailed"})


def _json(value: object) -> object:
    """Parse JSON text; return other values unchanged."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _time(value: object) -> object:
    if isinstance(value, int | float):
        try:
            return datetime.fromtimestamp(value / _MILLISECONDS, UTC)
        except (OverflowError, OSError) as fault:
            raise ValueError(f"not a time: {fault}") from None
    return value


class ExecutionEnd(WireModel, extra="ignore"):
    """The end of an execution of the state machine."""

    execution_arn: str = Field(description="The execution.")
    status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] = Field(
        description="Status of Step Functions."
    )
    start_date: Annotated[datetime, BeforeValidator(_time)] = Field(description="Its start.")
    stop_date: Annotated[datetime | None, BeforeValidator(_time)] = Field(
        default=None, description="End of the execution; None while it runs."
    )
    input: Annotated[dict[str, Any], BeforeValidator(_json)] = Field(
        description="Input of the execution."
    )
    output: Annotated[Any, BeforeValidator(_json)] = Field(
        default=None, description="The merge worker's answer."
    )
    error: str | None = Field(default=None, description="Name of the error.")
    cause: str | None = Field(default=None, description="Cause of the error.")

    @classmethod
    def parse(cls, payload: object) -> "ExecutionEnd":
        """Parse an event or a state of Step Functions.

        Raises:
            InvocationInvalid: It isn't the end of an execution; `details` hold one line per fault.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as fault:
            details = [
                f"$.{'.'.join(map(str, e['loc']))}: {e['msg']}"
                for e in fault.errors(include_url=False, include_context=False, include_input=False)
            ]
            raise InvocationInvalid("not the end of an execution", details=details) from None

    @property
    def job_id(self) -> str | None:
        """The job that was run; None if the input named none."""
        named = self.input.get("jobId")
        return named if isinstance(named, str) and named else None

    @property
    def is_over(self) -> bool:
        """Whether the execution has ended: true for the event, false for the last step."""
        return self.stop_date is not None

    @property
    def webhook(self) -> str | None:
        """URL of the webhook; None if the input named none."""
        named = self.input.get("webhook")
        return named if isinstance(named, str) and named else None

    @property
    def webhook_link(self) -> float | None:
        """Seconds for which the webhook's link to the video is valid; None for no link."""
        named = self.input.get("webhookLink")
        return float(named) if isinstance(named, int | float) else None

    @property
    def artifact(self) -> Artifact | None:
        """The video, if there is one."""
        found = self.output.get("artifact") if isinstance(self.output, dict) else None
        try:
            return None if found is None else Artifact.model_validate(found)
        except ValidationError:
            return None

    @property
    def failure(self) -> ErrorRecord | None:
        """The error; None for a successful execution."""
        if self.status == "SUCCEEDED":
            return None
        if self.status == "ABORTED":
            return ErrorRecord(
                code=errors.Cancelled.code, message=self.cause or "the render was stopped"
            )
        if self.status == "TIMED_OUT":
            return ErrorRecord(
                code=errors.CommandTimedOut.code,
                message="the render took longer than it may as a whole",
                retryable=True,
                hint="Start it again to render what is missing, or raise helios:renderTimeout.",
            )
        return error_record(self.error, self.cause)


def error_record(name: str | None, cause: str | None) -> ErrorRecord:
    """Return the error record of a failure in Step Functions.

    `name` is a worker's error code, or an error name of Lambda or Step Functions. `cause` is text,
    or Lambda's report of an exception: JSON whose `errorMessage` is the record.
    """
    report = _json(cause)
    message = report.get("errorMessage") if isinstance(report, dict) else cause
    record = _json(message)
    if isinstance(record, dict):
        # What isn't a record is told as it is.
        with contextlib.suppress(ValidationError):
            return ErrorRecord.model_validate(record)
    known = _NAMES.get(name or "")
    text = str(message or name or "the execution says nothing of it")
    if known is not None:
        return ErrorRecord(code=known.code, message=text, retryable=known.retryable)
    if name and not {".", " "} & set(name):
        return ErrorRecord(code=name, message=text)
    failed = errors.JobFailed
    return ErrorRecord(
        code=failed.code, message=f"{name}: {text}" if name else text, retryable=failed.retryable
    )
