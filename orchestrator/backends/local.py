"""Jobs whose chunks are rendered by processes of this machine, in the job's folder."""

from collections.abc import Collection
from pathlib import Path

from helios.records.chunk_trace import MAX_PICTURES, ChunkTrace, trace_beside
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.adapters.local import LocalMergeAdapter
from orchestrator.backends.base import Backend
from orchestrator.backends.completion import deliver_to
from orchestrator.backends.job_folder import make_folder
from orchestrator.backends.sharing import Share
from orchestrator.display.display import Display
from orchestrator.execution.job_executor import JobResult
from orchestrator.execution.seam_step import ChunkFolder, SeamSource, seam_pictures
from orchestrator.model.job import Job
from orchestrator.planning.incremental import unchanged_chunks
from orchestrator.planning.resume import forget_chunks, forget_unused, whole_chunks
from orchestrator.scheduling.limited_adapter import limited

#: Pictures in the record of a job with many chunks; each chunk has one at least.
_RECORDED_PICTURES = 256


class LocalBackend(Backend):
    """Runs a job on this machine: chunks and merge by an adapter, as processes by default."""

    def __init__(
        self,
        job: Job,
        *,
        display: Display | None = None,
        adapter: WorkerAdapter | None = None,
        share: Share | None = None,
    ) -> None:
        super().__init__(job, display=display, share=share)
        self._adapter = adapter or LocalWorkerAdapter()
        self._merge_adapter = adapter or LocalMergeAdapter()
        pictures = seam_pictures(self.destination, self.folder)
        self._seams = ChunkFolder(self.spec, self.folder, pictures=pictures)

    async def prepare(self, *, keep_chunks: bool) -> None:  # noqa: ARG002
        """Make the folders of chunks, as remote workers do: not every command makes its own."""
        for chunk in self.spec.chunks:
            make_folder((self.folder / chunk.output_file).parent)

    async def reused_chunks(self, *, keep_chunks: bool) -> Collection[int]:
        done: Collection[int] = ()
        if self.settings.incremental:
            done = await self._unchanged_chunks()
        elif keep_chunks:
            done = await whole_chunks(self.spec, self.folder)
            self.note_resumed(done)
        only = self.settings.only
        wanted = {chunk.id for chunk in self.spec.chunks} if only is None else set(only)
        forget_chunks(self.spec, self.folder, only=wanted.difference(done))
        return done

    async def _unchanged_chunks(self) -> Collection[int]:
        kept = await unchanged_chunks(self.spec, self.folder)
        self.display.note(
            "kept",
            str(kept),
            chunks=sorted(kept.ids),
            anew=[{"chunks": ids, "reason": reason} for ids, reason in kept.grouped()],
        )
        return kept.ids

    def chunk_trace(self, chunk_id: int) -> ChunkTrace | None:
        chunk = self.spec.chunk(chunk_id)
        folder = self.folder / trace_beside(chunk.output_file)
        trace = ChunkTrace.read(folder, start=chunk.start_frame)
        if not trace.spans and not trace.pictures:
            return None
        most = _RECORDED_PICTURES // len(self.spec.chunks)
        return trace.thinned(max(1, min(most, MAX_PICTURES)))

    def chunk_adapter(self) -> WorkerAdapter:
        return limited(self._adapter, self.limits, price=None)

    def merge_adapter(self) -> WorkerAdapter:
        return limited(self._merge_adapter, self.limits, price=None)

    @property
    def seams(self) -> SeamSource:
        return self._seams

    async def deliver(self, result: JobResult) -> str:
        made = self._made(result)
        output = str(self.folder)
        if made is not None:
            output = await deliver_to(made, self.destination, self.stores)
        if self.settings.incremental:
            forget_unused(self.spec, self.folder)
        return output

    def _made(self, result: JobResult) -> Path | None:
        """Return the video: what the merge made, or the only chunk of a job without merge."""
        chunks = self.spec.chunks
        has_merge = result.merged or bool(self.spec.merge_command.strip())
        if has_merge or len(chunks) > 1 or not self.settings.merge:
            return result.output
        return self.folder / chunks[0].output_file
