"""What every adapter promises."""

from abc import ABC, abstractmethod

from helios.conversation import OutputCallback
from helios.worker_job import WorkerJob, WorkerResult


class WorkerAdapter(ABC):
    """Takes jobs to a place that can run them.

    An adapter may be asked for many jobs at once.
    """

    #: Whether a job may wait in it before it runs, which doesn't count towards its `timeout`.
    queues: bool = False

    @abstractmethod
    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job to its end.

        Cancelling the calling task stops the job where that is possible.

        Parameters
        ----------
        job:
            The job; its `timeout` is the adapter's to keep.
        on_output:
            Is called for each line of output as it comes, by adapters that see output before the
            job's end.

        Returns
        -------
        WorkerResult
            How the job ended. A job that fails is a result, not an exception.

        Raises
        ------
        HeliosError
            The job couldn't be handed over, or its answer couldn't be read.
        """

    async def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of connections; the adapter isn't used after that."""
