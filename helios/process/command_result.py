"""Results of commands: exit statuses and errors."""

import errno
import signal
import time
from dataclasses import dataclass

from helios.contract.command import too_long
from helios.contract.error_record import ErrorRecord
from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import (
    CommandFailed,
    CommandInvalid,
    CommandTimedOut,
    DiskFull,
    HeliosError,
)
from helios.process.output_capture import OutputCapture

_EXIT_TIMED_OUT = 124
EXIT_FORBIDDEN = 126
_EXIT_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a command's process; the exit code is -n after signal n."""

    exit_code: int
    timed_out: bool


# Temporary errors of starting a process.
_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def unstarted_result(job: WorkerJob, fault: OSError | ValueError) -> WorkerResult:
    """Return the result of a command whose process couldn't be started."""
    number = fault.errno if isinstance(fault, OSError) else None
    reason = f"{job.command}: can't start in {job.cwd or 'the current folder'}: {fault}"
    error: HeliosError
    if isinstance(fault, ValueError):
        error = CommandInvalid(reason)
    elif number == errno.E2BIG:
        error = too_long(job.command)
    elif number == errno.ENOSPC:
        error = DiskFull(reason)
    else:
        error = CommandFailed(reason, retryable=number in _PASSING)
    return refused_result(error, exit_code=EXIT_FORBIDDEN)


def refused_result(error: HeliosError, *, exit_code: int) -> WorkerResult:
    """Return the result of a command that may not run or doesn't exist."""
    return WorkerResult(exit_code=exit_code, stderr=str(error), error=ErrorRecord.of(error))


def ended_result(
    job: WorkerJob,
    ending: Ending,
    capture: OutputCapture,
    *,
    started: float,
    limit: float | None,
) -> WorkerResult:
    """Return the result of a command that has ended."""
    stderr = capture.output(2)
    exit_code, error = ending.exit_code, None
    if ending.timed_out:
        exit_code = _EXIT_TIMED_OUT
        error = ErrorRecord.of(CommandTimedOut(f"{job.command}: ended after {limit:g} s"))
    elif exit_code < 0:
        reason = f"{job.command}: killed by {_signal_name(-exit_code)}"
        exit_code = _EXIT_SIGNAL - exit_code
        error = ErrorRecord.of(CommandFailed(reason))
    elif exit_code > 0:
        error = ErrorRecord.of_exit(exit_code, stderr)
    return WorkerResult(
        exit_code=exit_code,
        stdout=capture.output(1),
        stderr=stderr,
        duration_ms=(time.perf_counter() - started) * 1000,
        error=error,
    )


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
