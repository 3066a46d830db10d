"""Requests to deployed workers, and their answers, in JSON."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.json_payload import (
    MAX_INVOCATION_BYTES,
    check_values,
    json_object,
    parse_payload,
    too_large,
)
from helios.contract.messages.output_tail import cut_output
from helios.contract.wire_model import WireModel
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import CommandFailed, InvocationInvalid

_HTTP_OK = 200
_HTTP_CLIENT_ERRORS = range(400, 500)
# Request timeout, conflict, too early, too many requests: 4xx statuses that may pass.
_HTTP_TRANSIENT = frozenset({408, 409, 425, 429})


class Invocation(WireModel):
    """Request to a deployed worker to run a chunk of a job, or its merge."""

    job_path: str = Field(
        min_length=1, description="The job spec: a path or an http(s)://, s3:// or gs:// URL."
    )
    chunk_index: int | None = Field(
        default=None,
        ge=0,
        strict=True,
        description="The chunk's id; required unless the action is merge.",
    )
    action: Literal["chunk", "merge"] = Field(default="chunk", description="What to run.")
    attempt: int = Field(default=1, ge=1, strict=True, description="Counted from 1.")
    stop_at: AwareDatetime | None = Field(
        default=None,
        description="Time at which the render's cost limit may be reached. Chunks that aren't "
        "stored by then are refused.",
    )
    raise_errors: bool = Field(
        default=False,
        strict=True,
        description="Whether to raise a failure as an error named after its code, for platforms "
        "that distinguish errors by name (Step Functions).",
    )

    @model_validator(mode="after")
    def _names_a_chunk(self) -> Self:
        if self.action == "chunk" and self.chunk_index is None:
            raise ValueError("chunkIndex is missing")
        return self

    @property
    def chunk_id(self) -> int | None:
        """Id of the chunk to run; None for the merge."""
        return None if self.action == "merge" else self.chunk_index

    @classmethod
    def parse(cls, payload: object) -> Self:
        """Parse a request.

        Args:
            payload: The JSON value, or its text (str, or bytes in UTF-8).

        Raises:
            InvocationInvalid: The payload breaks the wire format; `details` hold one line a fault.
            PayloadTooLarge: It has more than `MAX_INVOCATION_BYTES`.
        """
        if isinstance(payload, str | bytes) and len(payload) > MAX_INVOCATION_BYTES:
            raise too_large()
        value = json_object(payload)
        check_values(value)
        return parse_payload(cls, value)

    @classmethod
    def of(cls, job: WorkerJob) -> Self:
        """Return the request for a job's task.

        Raises:
            InvocationInvalid: The job has no task, or it breaks the wire format.
        """
        task = job.task
        if task is None:
            raise InvocationInvalid(f"{job.command}: the job has no task for a deployed worker")
        request: dict[str, Any] = {
            "jobPath": task.job_path,
            "action": task.action,
            "attempt": task.attempt,
        }
        if task.chunk_id is not None:
            request["chunkIndex"] = task.chunk_id
        return parse_payload(cls, request)

    def payload(self) -> dict[str, Any]:
        """Return the request as a JSON value, without fields at their defaults."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def encoded(self) -> bytes:
        """Return the payload's JSON text."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()


class InvocationResponse(WireModel):
    """Answer of a deployed worker."""

    exit_code: int = Field(description="Exit status of the command; 0 is success.")
    stdout: str = Field(default="", description="End of the command's stdout.")
    stderr: str = Field(default="", description="End of the command's stderr.")
    output: str = Field(default="", description="The same as stdout, for older clients.")
    duration_ms: float = Field(default=0, ge=0, description="Duration in milliseconds.")
    time_limit: float | None = Field(
        default=None, ge=0, description="Seconds that it may have taken; none: not limited."
    )
    artifact: Artifact | None = Field(default=None, description="The stored output.")
    error: ErrorRecord | None = Field(default=None, description="The error.")

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_stdout(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        stdout = value.get("stdout") or value.get("output") or ""
        return {**value, "stdout": stdout, "output": stdout}

    @classmethod
    def of(cls, result: WorkerResult) -> Self:
        """Return the answer for a result."""
        stdout = cut_output(result.stdout)
        return cls(
            exit_code=result.exit_code,
            stdout=stdout,
            output=stdout,
            stderr=cut_output(result.stderr),
            duration_ms=round(result.duration_ms),
            time_limit=result.time_limit,
            artifact=result.artifact,
            error=result.failure,
        )

    @classmethod
    def parse(cls, payload: object, *, status: int = _HTTP_OK) -> Self:
        """Parse an answer, also one with the original fields only.

        Args:
            payload: The JSON value, or its text (str, or bytes in UTF-8). Older workers report
                failures as `{"message": ...}`.
            status: The HTTP status of the answer, which decides whether such a failure is
                retryable.

        Raises:
            InvocationInvalid: The payload breaks the wire format; `details` hold one line a fault.
        """
        value = json_object(payload)
        if "exitCode" not in value and isinstance(value.get("message"), str):
            value = {**value, "exitCode": 1, "stderr": value["message"]}
            value.setdefault("error", _refusal(value["message"], status=status))
        return parse_payload(cls, value)

    def shortened(self, limit: int) -> Self:
        """Return the answer with each of its texts cut to at most `limit` bytes."""
        stdout = cut_output(self.stdout, limit=limit)
        update = {
            "stdout": stdout,
            "output": stdout,
            "stderr": cut_output(self.stderr, limit=limit),
            "error": None if self.error is None else self.error.shortened(limit),
        }
        return self.model_copy(update=update)

    def body(self) -> dict[str, Any]:
        """Return the answer as a JSON value, without fields that are None.

        Failures have a `message`, for clients of the original wire format.
        """
        body = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        error = self.result().error
        return body if error is None else {**body, "message": error.message}

    def result(self) -> WorkerResult:
        """Return the result of the command."""
        stderr = cut_output(self.stderr)
        return WorkerResult(
            exit_code=self.exit_code,
            stdout=cut_output(self.stdout),
            stderr=stderr,
            duration_ms=self.duration_ms,
            time_limit=self.time_limit,
            error=(self.error if self.exit_code else None)
            or ErrorRecord.of_exit(self.exit_code, stderr),
            artifact=self.artifact,
        )


def _refusal(message: str, *, status: int) -> dict[str, Any]:
    refused = status in _HTTP_CLIENT_ERRORS and status not in _HTTP_TRANSIENT
    code = InvocationInvalid.code if refused else CommandFailed.code
    return {"code": code, "message": message, "retryable": not refused}
