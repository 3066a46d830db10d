"""Worker jobs and results in code, invocations and responses on the wire."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from pydantic import AwareDatetime, Field, ValidationError, model_validator
from pydantic_core import from_json

from helios.contract.wire_model import WireModel
from helios.errors import (
    CommandFailed,
    HeliosError,
    InvocationInvalid,
    PayloadTooLarge,
    Report,
    parse_report,
)

#: Bytes of UTF-8 of stdout, and of stderr, that a result carries: the last ones, as errors come
#: last. Keeps a response, which may repeat stdout, far below Lambda's 6 MB.
MAX_OUTPUT_BYTES = 64 * 1024
#: The same for answers to a workflow, whose states hold at most 256 KiB of JSON, in which a byte of
#: output may take seven.
MAX_WORKFLOW_OUTPUT_BYTES = 2 * 1024
#: Bytes of an invocation's JSON.
MAX_INVOCATION_BYTES = 1024 * 1024
_MAX_DEPTH = 64
# Room for the note that says how much was left out.
_NOTE_BYTES = 64
_HTTP_OK = 200
_HTTP_CLIENT_ERRORS = range(400, 500)
# Request time-out, conflict, too early, too many requests: 4xx answers that time can heal.
_HTTP_TRANSIENT = frozenset({408, 409, 425, 429})


class OutputTail:
    """Keeps the end of an output of any length in bounded memory."""

    __slots__ = ("_dropped", "_kept")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def append(self, data: bytes) -> None:
        """Add what the output said next."""
        self._kept += data
        # Cutting only at twice the size makes the cost of moving bytes constant per byte.
        if len(self._kept) > 2 * MAX_OUTPUT_BYTES:
            excess = len(self._kept) - MAX_OUTPUT_BYTES
            del self._kept[:excess]
            self._dropped += excess

    def text(self) -> str:
        """Return the end of the output; bytes that aren't UTF-8 become U+FFFD."""
        if not self._kept:
            return ""
        return cut_output(self._kept.decode(errors="replace"), dropped=self._dropped)


def cut_output(text: str, *, dropped: int = 0, limit: int = MAX_OUTPUT_BYTES) -> str:
    """Return the end of an output, with a note if it was cut.

    Parameters
    ----------
    text:
        The output, or what is left of it.
    dropped:
        Bytes that were already left out before the text begins.
    limit:
        Bytes that are returned at most, with the note.
    """
    # A character takes 4 bytes at most, so that most outputs needn't be encoded to be measured.
    if not dropped and len(text) * 4 <= limit:
        return text
    encoded = text.encode(errors="replace")
    if not dropped and len(encoded) <= limit:
        return text
    kept = encoded[-(limit - _NOTE_BYTES) :]
    dropped += len(encoded) - len(kept)
    # What is left of a character that was cut in two is dropped with it.
    return f"[... {dropped} bytes left out ...]\n{kept.decode(errors='ignore')}"


_Model = TypeVar("_Model", bound=WireModel)


class ErrorRecord(WireModel):
    """An error on its way through a process or machine boundary."""

    code: str = Field(description="Stable code, as in helios.errors.")
    message: str = Field(description="What was wrong, naming the input at fault.")
    retryable: bool = Field(default=False, description="Whether another try may succeed.")
    details: list[str] | None = Field(default=None, description="Single faults, if there are any.")
    hint: str | None = Field(default=None, description="What to do about it.")
    attempt: int | None = Field(default=None, description="The attempt that failed, from 1.")
    worker: Mapping[str, str | int] | None = Field(
        default=None,
        description="Where it failed, by what logs are searched: platform, function, log group, "
        "request id, execution.",
    )

    @classmethod
    def of(cls, error: HeliosError | Report) -> Self:
        """Return the record of an exception, or of what a command reported."""
        return cls(
            code=error.code,
            message=cut_output(error.message),
            retryable=error.retryable,
            details=cut_output("\n".join(error.details)).splitlines() or None,
            hint=error.hint or None,
        )

    def shortened(self, limit: int) -> Self:
        """Return the record with the ends of its texts, at most so many bytes of each."""
        details = cut_output("\n".join(self.details or ()), limit=limit).splitlines() or None
        update = {"message": cut_output(self.message, limit=limit), "details": details}
        return self.model_copy(update=update)

    @classmethod
    def of_exit(cls, exit_code: int, stderr: str) -> Self | None:
        """Return why a command failed by what it left behind; None if it didn't.

        Parameters
        ----------
        exit_code:
            The command's exit status.
        stderr:
            The end of its stderr, where a Helios command reports its error.
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


class Artifact(WireModel):
    """A file that a worker stored: its URL, size and digest."""

    url: str = Field(description="Where the file is: a path, or an s3:// or gs:// URL.")
    sha256: str | None = Field(default=None, description="Digest of the file, hexadecimal.")
    bytes: int | None = Field(default=None, ge=0, description="Size of the file in bytes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a worker job does for its render job: one attempt at a chunk, or at the merge.

    Attributes
    ----------
    job_path:
        Where the worker finds the job spec.
    chunk_id:
        The chunk; None for the merge.
    attempt:
        Counted from 1.
    output_file:
        The chunk's output, relative to the job's folder.
    backup:
        Whether another worker has this attempt as well, and is slow.
    avoid:
        The endpoint of that other worker, which should not get this job, too.
    """

    job_path: str
    chunk_id: int | None = None
    attempt: int = 1
    output_file: str | None = None
    backup: bool = False
    avoid: str | None = None

    @property
    def action(self) -> Literal["chunk", "merge"]:
        """What is run, as in an invocation."""
        return "merge" if self.chunk_id is None else "chunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """One command for a worker.

    Parameters
    ----------
    command:
        The executable, by plain name.
    args:
        Its arguments.
    cwd:
        Folder that it runs in.
    env:
        Environment variables on top of the worker's own.
    task:
        What the command does for its render job; None for a command of its own.
    timeout:
        Seconds after which the worker ends it; None for no limit.
    """

    command: str
    args: Sequence[str] = ()
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    task: Task | None = None
    timeout: float | None = None

    @property
    def chunk_id(self) -> int | None:
        """The chunk that the job renders; None if it renders none."""
        return None if self.task is None else self.task.chunk_id

    @property
    def meta(self) -> dict[str, Any]:
        """The task as adapters of the Helios packages read it: `chunkId`, `jobPath` and so on."""
        if self.task is None:
            return {}
        meta = {
            "action": self.task.action,
            "chunkId": self.task.chunk_id,
            "attempt": self.task.attempt,
            "jobPath": self.task.job_path,
            "outputFile": self.task.output_file,
            "backup": self.task.backup or None,
        }
        return {name: value for name, value in meta.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerResult:
    """How a worker's command ended.

    Parameters
    ----------
    exit_code:
        Exit status; 128 + n after signal n, as a shell counts.
    stdout, stderr:
        The end of each output, at most `MAX_OUTPUT_BYTES`.
    duration_ms:
        How long it took in milliseconds.
    error:
        Why it failed; None after exit status 0.
    artifact:
        The file that the worker stored, if it stored one.
    worker:
        Name of the endpoint that ran it, where there are several.
    """

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    duration_ms: float = 0
    error: ErrorRecord | None = None
    artifact: Artifact | None = None
    worker: str | None = None

    @classmethod
    def of_error(cls, error: HeliosError) -> Self:
        """Return the result of a job that an error kept from running to its end."""
        return cls(exit_code=error.exit_code, error=ErrorRecord.of(error))

    @property
    def failure(self) -> ErrorRecord | None:
        """Why it failed, read from the outputs where the worker didn't say; None if it didn't."""
        if self.exit_code == 0:
            return None
        return self.error or ErrorRecord.of_exit(self.exit_code, self.stderr)


class Invocation(WireModel):
    """Request to a deployed worker: run one chunk of a job, or its merge."""

    job_path: str = Field(
        min_length=1, description="The job spec: a path or an http(s)://, s3:// or gs:// URL."
    )
    chunk_index: int | None = Field(
        default=None,
        ge=0,
        strict=True,
        description="The chunk's id; may only be absent from a merge.",
    )
    action: Literal["chunk", "merge"] = Field(default="chunk", description="What to run.")
    attempt: int = Field(default=1, ge=1, strict=True, description="Counted from 1.")
    stop_at: AwareDatetime | None = Field(
        default=None,
        description="When the render's cost limit may be reached: chunks that aren't stored by "
        "then are refused.",
    )
    raise_errors: bool = Field(
        default=False,
        strict=True,
        description="Whether a failure is raised under its code's name in place of being answered, "
        "where the platform tells errors by name (Step Functions).",
    )

    @model_validator(mode="after")
    def _names_a_chunk(self) -> Self:
        if self.action == "chunk" and self.chunk_index is None:
            raise ValueError("chunkIndex is missing")
        return self

    @classmethod
    def parse(cls, payload: object) -> Self:
        """Read a request.

        Parameters
        ----------
        payload:
            The JSON value, or its text (str, or bytes in UTF-8).

        Raises
        ------
        InvocationInvalid
            The payload breaks the wire format; `details` hold one line a fault.
        PayloadTooLarge
            It has more than `MAX_INVOCATION_BYTES`.
        """
        if isinstance(payload, str | bytes) and len(payload) > MAX_INVOCATION_BYTES:
            raise _invocation_too_large()
        value = _json_object(payload)
        _check_values(value)
        return _parse(cls, value)

    @classmethod
    def of(cls, job: WorkerJob) -> Self:
        """Return the request that asks a deployed worker for a job's task.

        Raises
        ------
        InvocationInvalid
            The job has no task, or it breaks the wire format.
        """
        task = job.task
        if task is None:
            raise InvocationInvalid(
                f"{job.command}: the job has no task, so there is nothing to ask a worker for"
            )
        request: dict[str, Any] = {
            "jobPath": task.job_path,
            "action": task.action,
            "attempt": task.attempt,
        }
        if task.chunk_id is not None:
            request["chunkIndex"] = task.chunk_id
        return _parse(cls, request)

    def payload(self) -> dict[str, Any]:
        """Return the request as JSON value, without what is left at its default."""
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
    duration_ms: float = Field(default=0, ge=0, description="How long it took in milliseconds.")
    artifact: Artifact | None = Field(default=None, description="The file that was stored.")
    error: ErrorRecord | None = Field(default=None, description="Why it failed.")

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_stdout(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        stdout = value.get("stdout") or value.get("output") or ""
        return {**value, "stdout": stdout, "output": stdout}

    @classmethod
    def of(cls, result: WorkerResult) -> Self:
        """Return the answer that carries a result."""
        stdout = cut_output(result.stdout)
        return cls(
            exit_code=result.exit_code,
            stdout=stdout,
            output=stdout,
            stderr=cut_output(result.stderr),
            duration_ms=round(result.duration_ms),
            artifact=result.artifact,
            error=result.failure,
        )

    @classmethod
    def parse(cls, payload: object, *, status: int = _HTTP_OK) -> Self:
        """Read an answer, also of a worker that knows only the original fields.

        Parameters
        ----------
        payload:
            The JSON value, or its text (str, or bytes in UTF-8). `{"message": ...}` is how older
            workers report a request or a render that failed.
        status:
            The HTTP status that came with it; tells whether such a failure is worth another try.

        Raises
        ------
        InvocationInvalid
            The payload breaks the wire format; `details` hold one line a fault.
        """
        value = _json_object(payload)
        if "exitCode" not in value and isinstance(value.get("message"), str):
            value = {**value, "exitCode": 1, "stderr": value["message"]}
            value.setdefault("error", _refusal(value["message"], status=status))
        return _parse(cls, value)

    def shortened(self, limit: int) -> Self:
        """Return the answer with the ends of its texts, at most so many bytes of each."""
        stdout = cut_output(self.stdout, limit=limit)
        update = {
            "stdout": stdout,
            "output": stdout,
            "stderr": cut_output(self.stderr, limit=limit),
            "error": None if self.error is None else self.error.shortened(limit),
        }
        return self.model_copy(update=update)

    def body(self) -> dict[str, Any]:
        """Return the answer as JSON value, without `artifact` and `error` where there is none."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def result(self) -> WorkerResult:
        """Return what the answer says about the command."""
        result = WorkerResult(
            exit_code=self.exit_code,
            stdout=cut_output(self.stdout),
            stderr=cut_output(self.stderr),
            duration_ms=self.duration_ms,
            error=None if self.exit_code == 0 else self.error,
            artifact=self.artifact,
        )
        if result.exit_code == 0 or result.error is not None:
            return result
        return WorkerResult(
            exit_code=result.exit_code,
            stdout=result.stdout,
            stderr=result.stderr,
            duration_ms=result.duration_ms,
            error=result.failure,
            artifact=result.artifact,
        )


def _refusal(message: str, *, status: int) -> dict[str, Any]:
    refused = status in _HTTP_CLIENT_ERRORS and status not in _HTTP_TRANSIENT
    code = InvocationInvalid.code if refused else CommandFailed.code
    return {"code": code, "message": message, "retryable": not refused}


def _parse(model: type[_Model], payload: object) -> _Model:
    value = _json_object(payload)
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as fault:
        details = [
            f"$.{'.'.join(map(str, e['loc']))}: {e['msg']}".replace("$.:", "$:")
            for e in fault.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvocationInvalid(
            f"{model.__name__}: {len(details)} fault(s) in the payload", details=details
        ) from None


def _json_object(payload: object) -> Mapping[str, Any]:
    if isinstance(payload, str | bytes):
        try:
            payload = _loads(payload)
        except (ValueError, RecursionError) as fault:
            raise InvocationInvalid(f"the payload isn't JSON: {fault}") from None
    if not isinstance(payload, Mapping):
        raise InvocationInvalid(
            f"the payload should be a JSON object, not {type(payload).__name__}",
            hint='Send {"jobPath": "...", "chunkIndex": 0}.',
        )
    return payload


def _loads(text: str | bytes) -> Any:
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")  # json would take other encodings, too
    try:
        return from_json(text, allow_inf_nan=False)  # in a third of the time
    except ValueError:
        # Half of a surrogate pair, which writers in other languages let through, json reads too.
        return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _check_values(payload: Mapping[str, Any]) -> None:
    """Refuse what no invocation holds, however it was read: the platform may have parsed it."""
    size = 0
    places: list[tuple[int, Any]] = [(0, payload)]
    while places:
        depth, value = places.pop()
        if depth > _MAX_DEPTH:
            raise InvocationInvalid(f"the payload is nested more than {_MAX_DEPTH} deep")
        size += len(value) if isinstance(value, str) else 1
        if size > MAX_INVOCATION_BYTES:
            raise _invocation_too_large()
        if isinstance(value, float) and not math.isfinite(value):
            raise InvocationInvalid(f"the payload isn't JSON: it holds {value}")
        if isinstance(value, Mapping):
            places += [(depth + 1, item) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            places += [(depth + 1, item) for item in value]


def _invocation_too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the payload has more than {MAX_INVOCATION_BYTES} bytes",
        hint="It names a job spec by its URL, and doesn't hold it.",
    )
