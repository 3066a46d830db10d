"""Proves the seams of a job before its merge, and heals chunks: renders them again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helios.errors import MergeFailed
from helios.records.boundary_frames import MAX_FILE_BYTES, BoundaryFrames, BoundaryPictures
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.records.job_layout import HEALED_SPEC, SEAM_PICTURES, chunk_boundary
from helios.records.stored_records import read_if_valid, read_records
from helios.storage import ArtifactStorage
from helios.worker.chunk_task import render_chunk
from helios.worker.task_context import TaskContext

if TYPE_CHECKING:
    from helios.stitcher.seam_proof import PictureReader, SeamProof

_Records = Mapping[int, ChunkRecord]


@dataclass(frozen=True, kw_only=True)
class ProvenJob:
    """A job whose seams were compared.

    Attributes:
        context: The context, with the spec whose commands rendered the chunks.
        records: Records of the chunks by id.
        healed: Ids of the chunks that were rendered again.
        warning: Warning about differing seams of a job that is merged nevertheless.
    """

    context: TaskContext
    records: _Records
    healed: list[int]
    warning: str = ""


async def prove_seams(
    context: TaskContext,
    storage: ArtifactStorage,
    records: _Records,
) -> ProvenJob:
    """Compare a job's seams, and render chunks again where the job's `seamCheck` is `heal`.

    Healed chunks are stored, so that another merge resumes one that exceeded its time limit.

    Raises `SeamDiffers` if seams differ even after healing, and `HeliosError` if a chunk can't be
    rendered again.
    """
    proven = ProvenJob(context=context, records=records, healed=[])
    spec = context.spec
    frames = _frames(records)
    if spec.seams == "off" or not frames:
        return proven
    # Imported here, as jobs without boundary frames don't need it.
    from helios.stitcher import seam_proof  # noqa: PLC0415

    with context.stopwatch.measure("seams"):
        proof = await _compare(proven, storage)
    if proof.differing and spec.seams == "heal":
        ids = seam_proof.chunks_to_heal(spec, frames)
        if ids:
            proven = await _heal(proven, storage, proof, ids)
        proof = await _compare(proven, storage, tolerant=True)
    if not proof.differing:
        return proven
    error = await proof.explained(
        _reader(proven, storage), save=lambda path: _store(storage, path), healed=proven.healed
    )
    if spec.seams == "heal":
        raise error
    context.log.warning("seams.differ", message=error.message, details="; ".join(error.details))
    return replace(proven, warning=f"warning: {error}\n")


async def _heal(
    proven: ProvenJob, storage: ArtifactStorage, proof: "SeamProof", ids: list[int]
) -> ProvenJob:
    """Render chunks again with every frame visited, one after another."""
    from helios.stitcher import seam_proof  # noqa: PLC0415

    context = proven.context
    context.log.info(
        "seams.healing",
        frames=_listed([each.frame for each in proof.differing]),
        chunks=_listed(ids),
    )
    context = replace(context, spec=seam_proof.with_replay(context.spec, ids))
    # Later merges and checks find the healed chunks by this spec.
    await storage.put_bytes(HEALED_SPEC, context.spec.to_json().encode())
    await _render(context, ids)
    records = await read_records(storage, context.spec)
    return ProvenJob(context=context, records=records, healed=ids)


async def _compare(
    proven: ProvenJob, storage: ArtifactStorage, *, tolerant: bool = False
) -> "SeamProof":
    from helios.stitcher.seam_proof import compare_seams  # noqa: PLC0415

    chunks = proven.context.spec.chunks_by_frame()
    frames = _frames(proven.records)
    return await compare_seams(chunks, frames, _reader(proven, storage), tolerant=tolerant)


def _reader(proven: ProvenJob, storage: ArtifactStorage) -> "PictureReader":
    spec = proven.context.spec

    async def read(chunk_id: int) -> BoundaryPictures | None:
        chunk = spec.chunk(chunk_id)
        name = chunk_boundary(chunk, chunk_key(spec, chunk))
        data = await read_if_valid(storage, name, limit=MAX_FILE_BYTES)
        return None if data is None else BoundaryPictures.parse(data)

    return read


async def _store(storage: ArtifactStorage, path: Path) -> str:
    artifact = await storage.put_file(f"{SEAM_PICTURES}{path.name}", path)
    return artifact.url


def _frames(records: _Records) -> Mapping[int, BoundaryFrames]:
    return {id_: record.boundary for id_, record in records.items() if record.boundary is not None}


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


async def _render(context: TaskContext, ids: list[int]) -> None:
    for chunk_id in ids:
        result = await render_chunk(context, context.spec.chunk(chunk_id))
        error = result.failure
        if error is not None:
            raise MergeFailed(
                f"merge: chunk {chunk_id} failed when rendered again for its seams: "
                f"{error.message}",
                hint=error.hint or "",
                details=error.details or (),
                retryable=error.retryable,
            )
