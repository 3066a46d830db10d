"""Finds the chunks of a job that are in storage already, intact and up to date."""

import functools
from collections.abc import Collection, Iterable, Mapping

from helios.concurrency import map_limited
from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec, RenderChunk
from helios.records.chunk_index import INDEX
from helios.records.chunk_record import chunk_key
from helios.records.job_layout import HEALED_SPEC, JobFolder, chunk_output, chunk_record
from helios.records.stored_records import stored_chunk
from helios.storage import ArtifactStorage
from orchestrator.backends.job_storage import JobStorage
from orchestrator.delivery.stores import Stores

#: Chunks that are looked up at once.
LOOKS_AT_ONCE = 32


async def stored_chunks(storages: Iterable[JobStorage], stores: Stores) -> Mapping[int, Artifact]:
    """Return the stored chunks of a job, by id."""
    found: dict[int, Artifact] = {}
    for each in storages:
        found = {**await _chunks_at(each, stores), **found}
    return found


async def _chunks_at(at: JobStorage, stores: Stores) -> Mapping[int, Artifact]:
    storage, spec = stores.at(at.folder), at.job.spec
    names = {stored.key for stored in await storage.list("chunks/")}

    def is_listed(chunk: RenderChunk) -> bool:
        key = chunk_key(spec, chunk)
        return {chunk_output(chunk, key), chunk_record(chunk, key)} <= names

    look = functools.partial(stored_chunk, storage, spec)
    found = await map_limited(look, filter(is_listed, spec.chunks), limit=LOOKS_AT_ONCE)
    return {record.chunk_id: record.artifact for record in found if record is not None}


async def delete_stored_chunks(spec: JobSpec, urls: Collection[str]) -> None:
    """Delete the chunks of a job from storages."""
    if spec.id is None:
        return
    async with Stores() as stores:
        for url in urls:
            folder = JobFolder.of(spec, f"{url}/jobs/{spec.id}/job.json")
            if folder is not None:
                await delete_chunks(stores.at(folder.url))


async def delete_chunks(folder: ArtifactStorage) -> None:
    """Delete the chunks in a job's folder, their index, and the spec that healed them."""
    await folder.delete_prefix("chunks/")
    await folder.delete_prefix(INDEX)
    await folder.delete(HEALED_SPEC)
