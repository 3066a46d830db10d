"""What a job manager needs of a place where jobs run."""

from abc import ABC, abstractmethod

from orchestrator.execution.run_hooks import RunHooks
from orchestrator.model.job import Job


class Backend(ABC):
    """Runs jobs where their location says, with nothing kept in memory between runs.

    Any process that can reach the location can go on with a job that another one began.
    """

    @abstractmethod
    async def run(self, job: Job, *, keep_chunks: bool, control: RunHooks) -> str:
        """Run a job to its end, and return where its result is.

        Chunks that are there already and valid count as done. Cancelling the calling task ends
        what runs, where that is possible.

        Parameters
        ----------
        keep_chunks:
            Whether chunks that are there already are kept, or rendered anew.

        Raises
        ------
        HeliosError
            As `JobExecutor.execute`.
        """

    async def tidy(self, job: Job) -> None:  # noqa: B027 - there may be nothing to tidy
        """Remove what only served to make a result that is delivered and recorded by now."""

    @abstractmethod
    async def forget(self, job: Job) -> None:
        """Remove the chunks that a job left, so that all of them are rendered anew."""

    @abstractmethod
    async def discard(self, job: Job) -> None:
        """Remove all that a job left, except for a result that was delivered elsewhere."""
