"""Flags by which a command finds a job."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed

if TYPE_CHECKING:
    from orchestrator.api.jobs.async_job import AsyncJobHandle
    from orchestrator.api.jobs.job_store import JobStore
    from orchestrator.display.display import Display


@dataclass(frozen=True, kw_only=True)
class JobOptions(Deployed):
    """The job store, and the deployment to search after it."""

    jobs: flags.Jobs = None

    def store(self) -> "JobStore":
        """Return the job store."""
        from orchestrator.api.jobs.job_store import JobStore

        return JobStore(self.jobs)

    async def find(self, job_id: str, display: "Display") -> "AsyncJobHandle":
        """Return a job by its id.

        Raises:
            OptionInvalid: It is the id of a batch.
        """
        from helios.errors import OptionInvalid
        from orchestrator.api.jobs.finding import find_job
        from orchestrator.backends.detached.batch_record import is_batch_id

        if is_batch_id(job_id):
            raise OptionInvalid(
                f"batch {job_id}: the command takes a single job",
                hint=f"Name a row of a detached batch, such as {job_id}-r1.",
            )
        return await find_job(job_id, self.store(), self.name(), display)
