"""Checks a finished video at its seams, by what is still known of its job's chunks."""

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import ArtifactCorrupt, ArtifactNotFound, JobSpecInvalid, OptionInvalid
from helios.records.chunk_record import MAX_RECORD_BYTES, ChunkRecord, chunk_key
from helios.records.encoded_ends import EncodedEnds
from helios.records.job_layout import HEALED_SPEC, JobFolder, record_beside
from helios.records.stored_records import read_record
from helios.stitcher.chunk_check import check_chunk_outputs
from helios.stitcher.seam_check import SeamReport, check_merge, seen_ends
from helios.storage import ArtifactStorage
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.stores import Stores

#: Records that are read at once; each is a small file.
READS_AT_ONCE = 32


async def verify(
    video: str, spec: JobSpec, ends: Mapping[int, EncodedEnds], *, stores: Stores
) -> SeamReport:
    """Check a video at its seams.

    Args:
        video: A file, or an s3:// or gs:// URL, which is fetched.
        spec: The job that it was made by.
        ends: What was noted of the job's chunks. Where nothing was, the video is decoded to look
            for black frames, and no frames are compared.

    Raises:
        SeamBroken: The video isn't what the job makes.
    """
    place = Destination.of(video)
    if place.path is not None:
        return await _verify(place.path, spec, ends)
    with tempfile.TemporaryDirectory(prefix="helios-verify-") as folder:
        fetched = Path(folder, place.name)
        await stores.fetch(Artifact(url=video), fetched)
        return await _verify(fetched, spec, ends)


async def _verify(path: Path, spec: JobSpec, ends: Mapping[int, EncodedEnds]) -> SeamReport:
    if not await asyncio.to_thread(path.is_file):
        raise ArtifactNotFound(f"{path}: there is no such video")
    report = await check_merge(path, spec, ends or await seen_ends(path, spec))
    if report is None:
        raise OptionInvalid(
            f"{path}: its job merges chunks by a command of its own, so that nothing is known"
            " of its seams",
            hint="Seams are known of videos that `helios merge` made.",
        )
    return report


async def load_spec(where: str, stores: Stores) -> JobSpec:
    """Return the job spec at a path or URL."""
    if Destination.of(where).url is None:
        return JobSpec.load(where)
    data = await stores.read(where, limit=MAX_SPEC_BYTES)
    return JobSpec.parse(data, source=where)


async def ends_of_job(
    spec: JobSpec, job_path: str, stores: Stores, *, job_dir: Path | None = None
) -> Mapping[int, EncodedEnds]:
    """Return the ends of a spec's chunks: of those in storage, or in the job's folder.

    That is by default the folder that the spec is in.
    """
    folder = JobFolder.of(spec, job_path)
    if folder is not None and Destination.of(folder.url).url is not None:
        storage = stores.at(folder.url)
        made_by = await _healed(spec, storage)

        async def one(chunk: RenderChunk) -> ChunkRecord | None:
            return await read_record(storage, chunk, chunk_key(made_by, chunk))

        return _noted(await map_limited(one, made_by.chunks, limit=READS_AT_ONCE))
    where = job_dir or Path(job_path).parent
    paths = [where / chunk.output_file for chunk in spec.chunks]
    if not all(await asyncio.gather(*(asyncio.to_thread(path.exists) for path in paths))):
        return {}
    return await check_chunk_outputs(spec, where)


async def _healed(spec: JobSpec, storage: ArtifactStorage) -> JobSpec:
    """Return the spec by which a job's chunks were rendered again for their seams; else its own."""
    if spec.seams != "heal":
        return spec
    try:
        data = await storage.get_bytes(HEALED_SPEC, limit=MAX_SPEC_BYTES)
        return JobSpec.parse(data)
    except (ArtifactNotFound, ArtifactCorrupt, JobSpecInvalid):
        return spec


async def ends_of_artifacts(
    artifacts: Iterable[Artifact], stores: Stores
) -> Mapping[int, EncodedEnds]:
    """Return the ends of chunks by the records beside their outputs in storage."""
    return _noted(await records_of(artifacts, stores))


async def records_of(artifacts: Iterable[Artifact], stores: Stores) -> Sequence[ChunkRecord | None]:
    """Return the records beside chunks' outputs in storage; None where there is none."""

    async def one(artifact: Artifact) -> ChunkRecord | None:
        try:
            data = await stores.read(record_beside(artifact.url), limit=MAX_RECORD_BYTES)
        except ArtifactNotFound:
            return None
        return ChunkRecord.parse(data)

    return await map_limited(one, artifacts, limit=READS_AT_ONCE)


def _noted(records: Iterable[ChunkRecord | None]) -> Mapping[int, EncodedEnds]:
    return {
        record.chunk_id: record.ends
        for record in records
        if record is not None and record.ends is not None
    }
