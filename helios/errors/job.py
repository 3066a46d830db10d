"""Errors of jobs."""

from helios.errors.base import EXIT_FAILED, EXIT_LIMIT, HeliosError


class JobError(HeliosError):
    """Failed or stopped job, or a request that conflicts with its state."""


class Cancelled(JobError, code="CANCELLED"):
    """The work was cancelled."""


class JobFailed(JobError, code="JOB_FAILED", retryable=True):
    """At least one chunk of the job failed; `details` hold one line per failure."""


class BatchFailed(JobError, code="BATCH_FAILED"):
    """Rows of a batch failed; `details` hold one line for each of the first."""


class CircuitOpen(JobFailed, code="CIRCUIT_OPEN"):
    """The job was stopped because most of its attempts fail; `details` hold examples."""


class JobNotFound(JobError, code="JOB_NOT_FOUND"):
    """There is no job with this id."""


class JobExists(JobError, code="JOB_EXISTS"):
    """A job with this id exists already."""


class JobBusy(JobError, code="JOB_BUSY"):
    """Another process runs the job, or another job in its folder."""


class JobStateConflict(JobError, code="JOB_STATE_CONFLICT"):
    """The job's state doesn't allow the request, such as pausing a completed job."""


class JobChanged(JobError, code="JOB_CHANGED"):
    """Another process took over the job and changed its record."""


class JobRecordInvalid(JobError, code="JOB_RECORD_INVALID"):
    """The job's record can't be read; the damaged file was moved aside."""


class JobRecordNewer(JobRecordInvalid, code="JOB_RECORD_NEWER"):
    """The job's record was written by a newer version of this program."""


class JobStopped(JobError, code="JOB_STOPPED"):
    """The whole job has to stop.

    Adapters raise it when a chunk is submitted; unlike other errors it isn't the chunk's result. No
    further chunk starts, running ones are awaited, and the job ends with this error.
    """

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error: the job can be resumed."""
        return EXIT_FAILED


class LimitReached(JobStopped, code="LIMIT_REACHED"):
    """The job was stopped before it exceeded a limit."""

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_LIMIT


class CostLimitReached(LimitReached, code="COST_LIMIT"):
    """The next chunk could exceed the job's cost limit."""


class DeadlineReached(LimitReached, code="DEADLINE"):
    """The job wasn't finished by its deadline."""


class JobPaused(Cancelled, code="PAUSED"):
    """The job was paused: running chunks were finished, and no further one started."""


class WebhookUndelivered(JobError, code="WEBHOOK_UNDELIVERED", retryable=True):
    """The receiver didn't accept a webhook."""
