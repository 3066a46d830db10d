"""What every adapter promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback


class WorkerAdapter(ABC):
    """Takes jobs to a place that can run them.

    An adapter may be asked for many jobs at once.
    """

    #: Whether a job may wait in it before it runs, which doesn't count towards its `timeout`.
    queues: bool = False
    #: What throttles jobs as a whole, and so do all adapters that reach it; None for nothing.
    endpoint: str | None = None

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

    def when_taken(self, tell: Callable[[WorkerJob, str | None], None]) -> None:  # noqa: B027
        """Let somebody know which worker takes a job that waited; None once it waits again.

        Only adapters that queue have something to tell.
        """

    async def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of connections; the adapter isn't used after that."""
