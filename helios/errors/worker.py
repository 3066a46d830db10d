"""Errors of workers and of requests to them."""

from helios.errors.base import HeliosError


class WorkerError(HeliosError):
    """Unreachable, refusing or crashed worker."""


class SourceForbidden(WorkerError, code="SOURCE_FORBIDDEN"):
    """A URL isn't on the worker's allow-list, or is in a private network."""


class PayloadTooLarge(WorkerError, code="PAYLOAD_TOO_LARGE"):
    """A request, a job spec or an answer exceeds a size limit."""


class CallerRejected(WorkerError, code="CALLER_REJECTED"):
    """The identity token of a request is missing, forged, expired or for another audience."""


class WorkerNotFound(WorkerError, code="WORKER_NOT_FOUND"):
    """The function or service isn't deployed."""


class WorkerThrottled(WorkerError, code="WORKER_THROTTLED", retryable=True):
    """A worker reached its concurrency limit or a quota."""


class WorkerUnavailable(WorkerError, code="WORKER_UNAVAILABLE", retryable=True):
    """A worker couldn't be reached, or closed the connection."""


class WorkerCrashed(WorkerError, code="WORKER_CRASHED", retryable=True):
    """A worker ended during its work, or failed outside the command."""


class OutOfMemory(WorkerError, code="OUT_OF_MEMORY", retryable=True):
    """A command or a worker ran out of memory."""
