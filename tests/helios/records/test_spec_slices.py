"""Slices of a large job spec."""

import asyncio
import json
from pathlib import Path

import pytest

from helios.contract.job_spec import JobSpec
from helios.network.network_policy import NetworkPolicy
from helios.records.chunk_record import chunk_key
from helios.records.spec_slices import CHUNKS_A_SLICE, parse_slice, slice_key, slices_of
from helios.storage import ArtifactStorage, open_storage
from helios.worker.sources.allowed_urls import AllowedUrls
from helios.worker.sources.job_source import JobSource
from tests.helios.worker_setup import make_spec

CHUNKS = 40 * CHUNKS_A_SLICE + 1
SPEC = make_spec(chunks=CHUNKS, id="film")
DATA = SPEC.to_json().encode()


def stored(tmp_path: Path, data: bytes = DATA, *, of: JobSpec = SPEC) -> str:
    """Store a spec with its slices, and return its URL."""
    storage = open_storage(tmp_path.as_uri())

    async def store() -> str:
        artifact = await storage.put_bytes("job.json", data)
        for key, part in slices_of(of, of.to_json().encode()).items():
            await storage.put_bytes(key, part)
        return artifact.url

    return asyncio.run(store())


def source(read: list[str]) -> JobSource:
    """Return what loads specs, and tells what it read."""

    def opener(url: str) -> ArtifactStorage:
        storage = open_storage(url)
        get_bytes = storage.get_bytes

        async def noted(key: str, *, limit: int | None = None) -> bytes:
            read.append(key)
            return await get_bytes(key, limit=limit)

        storage.get_bytes = noted  # type: ignore[method-assign]
        return storage

    return JobSource(
        allowed=AllowedUrls([], allow_local=True), network=NetworkPolicy(), storage_opener=opener
    )


def load(job: str, chunk_id: int) -> tuple[JobSpec, list[str]]:
    read: list[str] = []
    return asyncio.run(source(read).load(job, chunk_id=chunk_id)), read


@pytest.mark.parametrize("chunk_id", [0, CHUNKS_A_SLICE - 1, CHUNKS_A_SLICE, CHUNKS - 1])
def test_a_chunk_is_the_same_in_its_slice(tmp_path: Path, chunk_id: int) -> None:
    part, read = load(stored(tmp_path), chunk_id)

    assert read == [slice_key(chunk_id)]
    assert part.chunk(chunk_id) == SPEC.chunk(chunk_id)
    assert chunk_key(part, part.chunk(chunk_id)) == chunk_key(SPEC, SPEC.chunk(chunk_id))
    assert (part.metadata, part.id, part.seams) == (SPEC.metadata, SPEC.id, SPEC.seams)


def test_slices_of_another_spec_are_not_used(tmp_path: Path) -> None:
    other = SPEC.model_copy(update={"id": "other"})
    spec, read = load(stored(tmp_path, other.to_json().encode(), of=SPEC), 3)

    assert spec == other
    assert read == [slice_key(3), "job.json"]


def test_a_spec_without_slices_and_a_chunk_that_it_lacks_are_read_whole(tmp_path: Path) -> None:
    small = make_spec()
    spec, read = load(stored(tmp_path / "small", small.to_json().encode(), of=small), 1)
    assert (spec, read) == (small, ["job.json"])

    spec, read = load(stored(tmp_path / "large"), CHUNKS)
    assert spec == SPEC
    assert read[-1] == "job.json"


def test_a_spec_whose_ids_do_not_count_its_chunks_is_not_sliced() -> None:
    value = json.loads(DATA)
    value["chunks"][7]["id"] = CHUNKS + 5
    spec = JobSpec.parse(json.dumps(value))
    assert slices_of(spec, spec.to_json().encode()) == {}


def test_a_slice_is_checked_as_a_spec_is() -> None:
    key, data = next(iter(slices_of(SPEC, DATA).items()))
    value = json.loads(data)
    assert key == slice_key(0)
    assert parse_slice(data, digest=value["spec"], chunk_id=0) is not None
    value["job"]["chunks"][0]["outputFile"] = "../../up.mp4"
    assert parse_slice(json.dumps(value).encode(), digest=value["spec"], chunk_id=0) is None
    assert parse_slice(b"[]", digest=value["spec"], chunk_id=0) is None
