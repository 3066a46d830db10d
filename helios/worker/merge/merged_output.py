"""A job's output: inputs, place in storage, and record."""

from collections.abc import Mapping
from dataclasses import dataclass

from helios.contract.artifact import Artifact
from helios.records.chunk_record import ChunkRecord, MergeRecord
from helios.records.job_layout import JobFolder, merge_record
from helios.storage import ArtifactStorage
from helios.worker.merge.seam_task import ProvenJob
from helios.worker.task_context import TaskContext


@dataclass(frozen=True, slots=True)
class MergedOutput:
    """A job's output, to be made of proven chunks.

    Attributes:
        key: Digest of its inputs, as returned by `merge_key`.
    """

    proven: ProvenJob
    storage: ArtifactStorage
    folder: JobFolder
    key: str

    @property
    def context(self) -> TaskContext:
        """The context, with the spec of the chunks."""
        return self.proven.context

    @property
    def records(self) -> Mapping[int, ChunkRecord]:
        """Records of the chunks by id."""
        return self.proven.records

    async def record(self, artifact: Artifact, *, name: str, frames: int) -> None:
        """Write the record of the stored output."""
        context = self.context
        record = MergeRecord.model_validate(
            {
                **context.record_fields(),
                "artifact": artifact,
                "key": self.key,
                "name": name,
                "chunks": len(context.spec.chunks),
                "frames": frames,
                "healed": self.proven.healed,
            }
        )
        await self.storage.put_bytes(merge_record(self.key), record.to_bytes())
        context.log.info(
            "merge.stored",
            url=artifact.url,
            bytes=artifact.bytes,
            timings=context.stopwatch.timings,
        )
