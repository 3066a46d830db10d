"""Compares the seams of a job's chunks, and heals chunks whose seams differ."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from helios.contract.job_spec import JobSpec, RenderChunk
from helios.records.boundary_frames import BoundaryFrames, BoundaryPictures, boundary_beside
from helios.records.input_manifest import file_digest
from helios.stitcher.seam_proof import (
    SeamProof,
    chunks_to_heal,
    compare_seams,
    is_replayed,
    with_replay,
)
from orchestrator.delivery.deliver import deliver
from orchestrator.delivery.destination import Destination
from orchestrator.model.events import Event, SeamsCompared, SeamsDiffer, SeamsHealing


class SeamSource(ABC):
    """The boundary frames of a job's chunks, and a folder for pictures of seams that differ."""

    def __init__(self, pictures: Path) -> None:
        self.pictures = pictures

    @abstractmethod
    async def boundary_frames(self, spec: JobSpec) -> Mapping[int, BoundaryFrames]:
        """Return the boundary frames of a job's chunks by their ids, as far as there are any."""

    @abstractmethod
    async def pictures_of(self, chunk_id: int) -> BoundaryPictures | None:
        """Return the pictures of a chunk's boundary frames; None where they aren't kept."""

    @abstractmethod
    async def adopt(self, healed: JobSpec, chunk_ids: Collection[int]) -> None:
        """Prepare for chunks to be rendered again by other commands."""


class ChunkFolder(SeamSource):
    """Reads boundary frames beside chunk outputs in a job's folder on this machine."""

    def __init__(self, spec: JobSpec, job_dir: Path, *, pictures: Path) -> None:
        super().__init__(pictures)
        self._spec = spec
        self._job_dir = job_dir

    async def boundary_frames(self, spec: JobSpec) -> Mapping[int, BoundaryFrames]:
        return await asyncio.to_thread(self._read, spec)

    async def pictures_of(self, chunk_id: int) -> BoundaryPictures | None:
        path = self._note_of(self._spec.chunk(chunk_id))
        try:
            return BoundaryPictures.parse(await asyncio.to_thread(path.read_bytes))
        except OSError:
            return None

    async def adopt(self, healed: JobSpec, chunk_ids: Collection[int]) -> None:
        """Leave the outputs until others replace them: nothing else has to be done."""

    def _read(self, spec: JobSpec) -> Mapping[int, BoundaryFrames]:
        found = {chunk.id: self._frames_of(chunk) for chunk in spec.chunks}
        return {id_: frames for id_, frames in found.items() if frames is not None}

    def _frames_of(self, chunk: RenderChunk) -> BoundaryFrames | None:
        frames = BoundaryFrames.load(self._note_of(chunk))
        if frames is None:
            return None
        with contextlib.suppress(OSError):
            # The output may be of another run, which left no boundary frames.
            if file_digest(self._job_dir / chunk.output_file) == frames.output:
                return frames
        return None

    def _note_of(self, chunk: RenderChunk) -> Path:
        return self._job_dir / boundary_beside(chunk.output_file)


def seam_pictures(destination: Destination | None, job_dir: Path) -> Path:
    """Return the folder for pictures of differing seams: beside the video, or in the job's."""
    if destination is None or destination.path is None:
        return job_dir / "seams"
    return destination.path.with_name(f"{destination.path.stem}.seams")


@dataclass(frozen=True, kw_only=True)
class SeamOutcome:
    """The outcome of comparing a job's seams."""

    #: The last comparison.
    proof: SeamProof = field(default_factory=SeamProof)
    #: Chunks that were rendered again.
    healed: tuple[int, ...] = ()
    #: The job, with the merge command that fits its chunks; None where its own does.
    spec: JobSpec | None = None


class SeamStep:
    """Compares the chunks' pictures of shared frames, and does what the job's `seamCheck` says.

    `render` renders chunks again, by the commands of a spec.
    """

    def __init__(
        self,
        spec: JobSpec,
        *,
        source: SeamSource,
        render: Callable[[JobSpec, Collection[int]], Awaitable[None]],
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self._spec = spec
        self._source = source
        self._render = render
        self._on_event = on_event

    async def run(self) -> SeamOutcome:
        """Compare, heal, and compare again.

        Raises:
            SeamDiffers: Seams differ that can't be healed, and the job says `heal`.
        """
        spec = self._spec
        chunks = spec.chunks_by_frame()
        frames = await self._source.boundary_frames(spec)
        if not frames:
            return SeamOutcome()
        proof = await compare_seams(chunks, frames, self._source.pictures_of)
        healed: list[int] = []
        if proof.differing and spec.seams == "heal":
            healed = chunks_to_heal(spec, frames)
            if healed:
                await self._heal(proof, healed)
                frames = await self._source.boundary_frames(spec)
            proof = await compare_seams(chunks, frames, self._source.pictures_of, tolerant=True)
        outcome = SeamOutcome(
            proof=proof,
            healed=tuple(healed),
            spec=with_replay(spec, healed) if is_replayed(frames) else None,
        )
        self._emit(
            SeamsCompared(
                seams=proof.seams,
                proven=proof.proven,
                alike=proof.alike,
                unknown=proof.unknown,
                differing=len(proof.differing),
                healed=outcome.healed,
            )
        )
        if proof.differing:
            error = await proof.explained(
                self._source.pictures_of, save=self._keep_picture, healed=healed
            )
            if spec.seams == "heal":
                raise error
            self._emit(SeamsDiffer(error.message, error.details))
        return outcome

    async def _heal(self, proof: SeamProof, chunk_ids: list[int]) -> None:
        frames = tuple(each.frame for each in proof.differing)
        self._emit(SeamsHealing(frames, tuple(chunk_ids)))
        healed = with_replay(self._spec, chunk_ids)
        await self._source.adopt(healed, chunk_ids)
        await self._render(healed, chunk_ids)

    async def _keep_picture(self, path: Path) -> str:
        kept = self._source.pictures / path.name
        await asyncio.to_thread(deliver, path, kept)
        return str(kept)

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)
