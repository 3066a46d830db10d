"""Results and HTTP statuses of invocations that failed, and the log line at an invocation's end."""

import errno
import traceback
from http import HTTPStatus

from helios.contract.error_record import ErrorRecord
from helios.contract.invocation import InvocationResponse
from helios.contract.messages.output_tail import cut_output
from helios.contract.worker_job import WorkerResult
from helios.errors import (
    ArchiveInvalid,
    ArtifactNotFound,
    CallerRejected,
    ChunkNotFound,
    CommandForbidden,
    CommandInvalid,
    DiskFull,
    HeliosError,
    InvocationInvalid,
    JobSpecInvalid,
    JobSpecNotFound,
    OutOfMemory,
    PayloadTooLarge,
    SourceForbidden,
    StorageInvalid,
    WorkerCrashed,
    report,
)
from helios.worker.worker_log import MAX_VALUE_LENGTH, WorkerLog

#: Statuses of requests that would fail again; all other failures have status 500.
_STATUS = {
    InvocationInvalid.code: HTTPStatus.BAD_REQUEST,
    JobSpecInvalid.code: HTTPStatus.BAD_REQUEST,
    CommandInvalid.code: HTTPStatus.BAD_REQUEST,
    StorageInvalid.code: HTTPStatus.BAD_REQUEST,
    ArchiveInvalid.code: HTTPStatus.BAD_REQUEST,
    CallerRejected.code: HTTPStatus.UNAUTHORIZED,
    SourceForbidden.code: HTTPStatus.FORBIDDEN,
    CommandForbidden.code: HTTPStatus.FORBIDDEN,
    JobSpecNotFound.code: HTTPStatus.NOT_FOUND,
    ChunkNotFound.code: HTTPStatus.NOT_FOUND,
    ArtifactNotFound.code: HTTPStatus.NOT_FOUND,
    PayloadTooLarge.code: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def failure(error: HeliosError) -> tuple[int, InvocationResponse]:
    """Return status and answer for a request that was refused before it reached a runtime."""
    result = failed_result(error)
    return status_of(result), InvocationResponse.of(result)


def status_of(result: WorkerResult) -> int:
    """Return the HTTP status of a result."""
    error = result.failure
    if error is None:
        return int(HTTPStatus.OK)
    return int(_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR))


def failed_result(error: HeliosError) -> WorkerResult:
    """Return the result of an invocation that failed outside its command."""
    return WorkerResult(
        exit_code=error.exit_code, stderr=report(error) + "\n", error=ErrorRecord.of(error)
    )


def is_disk_full(fault: Exception) -> bool:
    """Return whether an exception says that no space is left on the disk."""
    if isinstance(fault, OSError):
        return fault.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(fault, DiskFull)


def unexpected_error(fault: Exception, log: WorkerLog) -> HeliosError:
    """Return the error for an exception of another kind, whose traceback is logged."""
    if isinstance(fault, MemoryError):
        return OutOfMemory("the worker ran out of memory", hint="Give the worker more memory.")
    if is_disk_full(fault):
        return DiskFull(
            f"no space left on the worker's disk: {fault}",
            hint="Give the worker more temporary storage.",
        )
    log.error("invocation.crashed", traceback="".join(traceback.format_exception(fault)))
    return WorkerCrashed(f"the worker failed: {type(fault).__name__}: {fault}")


def log_end(log: WorkerLog, result: WorkerResult, *, status: int) -> None:
    """Log the end of an invocation."""
    error = result.failure
    if error is None:
        log.info("invocation.ended", status=status, durationMs=round(result.duration_ms))
        return
    log.error(
        "invocation.ended",
        status=status,
        durationMs=round(result.duration_ms),
        exitCode=result.exit_code,
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        details="\n".join(error.details or ()) or None,
        stderr=cut_output(result.stderr, limit=MAX_VALUE_LENGTH) or None,
    )
