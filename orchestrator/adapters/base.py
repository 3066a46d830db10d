"""The interface of adapters."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback

#: Is called with a job and the endpoint that takes it; None once the job waits again.
TakenCallback = Callable[[WorkerJob, str | None], None]


class WorkerAdapter(ABC):
    """Sends jobs to workers.

    An adapter may run many jobs at once.
    """

    #: Whether a job may wait in it before it runs, which doesn't count towards its `timeout`.
    queues: bool = False

    @abstractmethod
    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job to its end.

        Cancelling the calling task stops the job where that is possible.

        Args:
            job: The job; the adapter enforces its `timeout`.
            on_output: Is called for each line of output as it comes, by adapters that see output
                before the job's end.

        Returns:
            The job's result. A job that fails is a result, not an exception.

        Raises:
            HeliosError: The job couldn't be sent, or its response couldn't be read.
        """

    def when_taken(self, tell: TakenCallback) -> None:  # noqa: B027
        """Call a function when an endpoint accepts a waiting job.

        Only adapters that queue jobs call it.
        """

    async def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close connections; the adapter can't be used afterwards."""
