"""Records the attempts that are made through an adapter."""

from helios.contract.worker_job import WorkerJob, WorkerResult
from helios.errors import HeliosError
from helios.process.output_capture import OutputCallback
from orchestrator.adapters.base import ForwardingAdapter, WorkerAdapter
from orchestrator.lifecycle.recorder import JobRecorder


class RecordingAdapter(ForwardingAdapter):
    """Records each attempt that is made through another adapter.

    Parameters
    ----------
    adapter:
        Makes the attempts.
    recorder:
        Writes them down.
    """

    def __init__(self, adapter: WorkerAdapter, recorder: JobRecorder) -> None:
        super().__init__(adapter)
        self._recorder = recorder

    async def execute(
        self, job: WorkerJob, *, on_output: OutputCallback | None = None
    ) -> WorkerResult:
        """Run one job."""
        task = job.task
        if task is None or task.chunk_id is None:
            return await self.adapter.execute(job, on_output=on_output)
        with self._recorder.attempt(task.chunk_id, backup=task.backup) as end:
            try:
                result = await self.adapter.execute(job, on_output=on_output)
            except HeliosError as error:
                end(WorkerResult.of_error(error))
                raise
            end(result)
        return result
