"""Chunks as processes of this machine."""

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.process.output_capture import OutputCallback
from helios.process.render_executor import DEFAULT_EXECUTABLES, RenderExecutor
from orchestrator.adapters.base import WorkerAdapter

#: Executables that commands may start on this machine: its user chose the job spec.
LOCAL_EXECUTABLES = DEFAULT_EXECUTABLES | {"ffmpeg", "ffprobe", "node"}


class LocalWorkerAdapter(WorkerAdapter):
    """Runs jobs as local processes.

    Parameters
    ----------
    executor:
        Runs the commands; by default one that allows `LOCAL_EXECUTABLES`.
    """

    def __init__(self, executor: RenderExecutor | None = None) -> None:
        self._executor = RenderExecutor(allowed=LOCAL_EXECUTABLES) if executor is None else executor

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job as a process of this machine."""
        return await self._executor.run(job, on_output=on_output)
