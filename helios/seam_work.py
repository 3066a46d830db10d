"""What a worker does for the seams of a job before it merges: compares them, and heals chunks."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helios.assignment import Assignment
from helios.boundary_frames import BoundaryFrames
from helios.chunk_record import ChunkRecord
from helios.chunk_work import render_chunk
from helios.errors import MergeFailed, SeamDiffers
from helios.job_records import read_records
from helios.storage import ArtifactStorage

if TYPE_CHECKING:
    from helios.seam_proof import SeamProof

_Records = Mapping[int, ChunkRecord]
#: Folder of a job's that takes pictures of differing seams, side by side.
SEAMS_FOLDER = "seams"


@dataclass(frozen=True, kw_only=True)
class ProvenJob:
    """A job whose seams were compared.

    Attributes
    ----------
    assignment:
        With the spec by whose commands the chunks were made.
    records:
        Of these chunks.
    healed:
        Chunks that were rendered again.
    warning:
        What is said of seams that differ, where the job goes on with them.
    """

    assignment: Assignment
    records: _Records
    healed: list[int]
    warning: str = ""


async def prove_seams(
    assignment: Assignment,
    storage: ArtifactStorage,
    records: _Records,
) -> ProvenJob:
    """Compare a job's seams, and render chunks again where the job's `seamCheck` is `heal`.

    Chunks that were healed before are found in storage, so that a merge that ran out of time is
    gone on with by another one.

    Raises
    ------
    SeamDiffers
        Seams differ that can't be healed.
    HeliosError
        A chunk can't be rendered again.
    """
    proven = ProvenJob(assignment=assignment, records=records, healed=[])
    spec = assignment.spec
    frames = _frames(records)
    if spec.seams == "off" or not frames:
        return proven
    # Most merges have nothing to heal.
    from helios import seam_proof  # noqa: PLC0415

    with assignment.stopwatch.measure("seams"):
        proof = await seam_proof.compare_seams(spec.chunks_by_frame(), frames)
    if proof.differing and spec.seams == "heal":
        ids = seam_proof.chunks_to_heal(spec, frames)
        healed = replace(assignment, spec=seam_proof.with_replay(spec, ids))
        if ids:
            assignment.log.info(
                "seams.healing",
                frames=_listed([each.frame for each in proof.differing]),
                chunks=_listed(ids),
            )
            # By it the chunks in the video are found again.
            text = healed.spec.to_json()
            await storage.put_bytes(seam_proof.HEALED_SPEC, text.encode())
            await _render(healed, ids)
            records = await read_records(storage, healed.spec)
            proof = await seam_proof.compare_seams(spec.chunks_by_frame(), _frames(records))
            proven = ProvenJob(assignment=healed, records=records, healed=ids)
    if not proof.differing:
        return proven
    error = await _told(assignment, storage, proof, proven.healed)
    if spec.seams == "heal":
        raise error
    assignment.log.warning("seams.differ", message=error.message, details="; ".join(error.details))
    return replace(proven, warning=f"warning: {error}\n")


def _frames(records: _Records) -> Mapping[int, BoundaryFrames]:
    return {id_: record.boundary for id_, record in records.items() if record.boundary is not None}


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


async def _render(assignment: Assignment, ids: list[int]) -> None:
    for chunk_id in ids:
        result = await render_chunk(assignment, assignment.spec.chunk(chunk_id))
        error = result.failure
        if error is not None:
            raise MergeFailed(
                f"merge: chunk {chunk_id}, which was rendered again for its seams: {error.message}",
                hint=error.hint or "",
                details=error.details or (),
                retryable=error.retryable,
            )


async def _told(
    assignment: Assignment, storage: ArtifactStorage, proof: "SeamProof", healed: list[int]
) -> SeamDiffers:
    """Store the pictures of differing seams, and return the error that names them."""
    from helios.seam_proof import save_all_side_by_side  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=assignment.equipment.workspaces) as scratch:
        folder = Path(scratch)
        await save_all_side_by_side(proof.differing, folder)
        for path in await asyncio.to_thread(lambda: sorted(folder.iterdir())):
            await storage.put_file(f"{SEAMS_FOLDER}/{path.name}", path)
    return proof.error(pictures=storage.url_of(SEAMS_FOLDER), healed=healed)
