"""The chunks of a run: those to render, and what is already there."""

from collections.abc import Collection
from dataclasses import dataclass

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.errors import ChunkNotFound


@dataclass(frozen=True, slots=True)
class Selection:
    """The chunks that a run has to render, and counts of those that exist before it."""

    chunks: tuple[RenderChunk, ...]
    chunks_done: int
    frames_done: int
    frames_total: int
    completes_job: bool

    @classmethod
    def of(
        cls, spec: JobSpec, *, completed: Collection[int], only: Collection[int] | None
    ) -> "Selection":
        known = {chunk.id for chunk in spec.chunks}
        wanted = known if only is None else set(only)
        if not wanted <= known:
            missing = ", ".join(map(str, sorted(wanted - known)))
            raise ChunkNotFound(f"chunk {missing}: the job spec doesn't have it")
        there = set(completed)
        in_question = [chunk for chunk in spec.chunks_by_frame() if chunk.id in wanted]
        pending = tuple(chunk for chunk in in_question if chunk.id not in there)
        frames_total = sum(chunk.frame_count for chunk in in_question)
        return cls(
            chunks=pending,
            chunks_done=len(in_question) - len(pending),
            frames_done=frames_total - sum(chunk.frame_count for chunk in pending),
            frames_total=frames_total,
            completes_job=known <= wanted | there,
        )
