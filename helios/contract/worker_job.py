"""A command for a worker, and its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.errors import HeliosError


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The step of a render job that a worker job performs: an attempt at a chunk or at the merge.

    Attributes:
        job_path: Path or URL of the job spec.
        chunk_id: The chunk; None for the merge.
        attempt: Counted from 1.
        output_file: The chunk's output, relative to the job's folder.
        backup: Whether this is a hedged attempt: another worker runs the same attempt and is slow.
        avoid: Endpoint of the other worker, which should not get this job.
    """

    job_path: str
    chunk_id: int | None = None
    attempt: int = 1
    output_file: str | None = None
    backup: bool = False
    avoid: str | None = None

    @property
    def action(self) -> Literal["chunk", "merge"]:
        """The action of an invocation for this task."""
        return "merge" if self.chunk_id is None else "chunk"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """One command for a worker.

    Args:
        command: The executable, by plain name.
        args: Its arguments.
        cwd: Working directory.
        env: Environment variables on top of the worker's own.
        task: The step of a render job that it performs; None for any other command.
        timeout: Seconds after which the worker ends the command; None for no limit.
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
        """The task in the form of the Helios packages: `chunkId`, `jobPath` and so on."""
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
    """The outcome of a worker's command.

    Args:
        exit_code: Exit status; 128 + n after signal n, as in a shell.
        stdout, stderr: The end of each output, at most `MAX_OUTPUT_BYTES`.
        duration_ms: Duration in milliseconds.
        time_limit: Seconds that it may have taken; None if it isn't known or there is no limit.
        error: The error; None after exit status 0.
        artifact: The stored output, if there is one.
        worker: Name of the endpoint that ran it, if the job has several.
    """

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    duration_ms: float = 0
    time_limit: float | None = None
    error: ErrorRecord | None = None
    artifact: Artifact | None = None
    worker: str | None = None

    @classmethod
    def of_error(cls, error: HeliosError) -> Self:
        """Return the result of a job that ended with an error."""
        return cls(exit_code=error.exit_code, error=ErrorRecord.of(error))

    @property
    def failure(self) -> ErrorRecord | None:
        """The error, read from stderr if the worker sent none; None after exit status 0."""
        if self.exit_code == 0:
            return None
        return self.error or ErrorRecord.of_exit(self.exit_code, self.stderr)
