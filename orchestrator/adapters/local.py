"""Chunks as processes of this machine."""

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import RenderExecutor
from orchestrator.adapters.base import WorkerAdapter


class LocalWorkerAdapter(WorkerAdapter):
    """Runs jobs as local processes.

    Parameters
    ----------
    executor:
        Runs the commands; by default one with the standard allow-list.
    """

    def __init__(self, executor: RenderExecutor | None = None) -> None:
        self._executor = RenderExecutor() if executor is None else executor

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job as a process of this machine."""
        return await self._executor.run(job, on_output=on_output)
