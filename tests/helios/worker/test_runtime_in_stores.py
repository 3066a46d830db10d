"""A worker whose storage is S3 or Google Cloud Storage, on real servers."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from helios.media.probe import probe
from helios.storage import ArtifactStorage, open_storage
from sandbox.storage.object_stores import ObjectStore, create_bucket, gcs_server, s3_server
from tests.helios.worker_setup import FRAMES, WorkerSetup, drawing, make_spec

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("object_stores")]


@pytest.fixture(scope="module", params=[s3_server, gcs_server], ids=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    with request.param() as started:
        yield started


@pytest.fixture
def site(store: ObjectStore, tmp_path: Path) -> Iterator[WorkerSetup]:
    def opener(url: str) -> ArtifactStorage:
        return open_storage(url, env=store.env)

    bucket = create_bucket(store, f"bucket-{secrets.token_hex(6)}")
    made = WorkerSetup(tmp_path, artifacts=f"{bucket}/helios", opener=opener)
    yield made
    made.close()


def test_a_job_is_rendered_and_joined_in_a_store(site: WorkerSetup, tmp_path: Path) -> None:
    composition = tmp_path / "page"
    composition.mkdir()
    (composition / "list.txt").write_text("file 'x'")
    spec = make_spec(assets_url=site.upload(composition))
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
    assert response.artifact.url == f"{site.artifacts}/jobs/one/output/video.mp4"
    fetched = tmp_path / "video.mp4"
    asyncio.run(site.storage.get_file("jobs/one/output/video.mp4", fetched))
    video = asyncio.run(probe(fetched)).video
    assert video is not None
    assert video.frames == 2 * FRAMES


def test_nothing_is_rendered_or_joined_twice(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    first = site.merge(job)
    site.render(job, spec)
    assert site.merge(job).artifact == first.artifact
    events = [event["event"] for event in site.events()]
    assert events.count("command.ended") == 3
    assert events.count("chunk.reused") == 2
    assert events.count("merge.reused") == 1


def test_a_damaged_chunk_is_named_and_rendered_again(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    site.render(job, spec)
    name = next(n for n in site.names() if n.startswith("chunks/1-") and n.endswith(".mp4"))
    asyncio.run(site.storage.put_bytes(f"jobs/one/{name}", b"damaged"))
    refused = site.merge(job)
    assert refused.error is not None
    assert refused.error.code == "ARTIFACT_CORRUPT"
    assert "chunk 1" in refused.stderr
    assert site.chunk(job, 1).exit_code == 0
    assert site.merge(job).exit_code == 0


def test_missing_specs_and_buckets_are_told_apart_from_faults(site: WorkerSetup) -> None:
    status, response = site.ask(
        {"jobPath": f"{site.artifacts}/jobs/none/job.json", "chunkIndex": 0}
    )
    assert (status, response.error and response.error.code) == (404, "JOB_SPEC_NOT_FOUND")


def test_another_bucket_is_forbidden(site: WorkerSetup) -> None:
    scheme = site.artifacts.partition("://")[0]
    status, response = site.ask({"jobPath": f"{scheme}://other/job.json", "chunkIndex": 0})
    assert (status, response.error and response.error.code) == (403, "SOURCE_FORBIDDEN")


def test_a_video_is_copied_to_another_folder(site: WorkerSetup) -> None:
    site.options["allowed_destinations"] = (f"{site.artifacts}/results",)
    spec = make_spec([drawing(0, "chunks/00000.mp4")], output_url=f"{site.artifacts}/results/")
    job = site.put(spec)
    site.render(job, spec)
    response = site.merge(job)
    assert response.exit_code == 0, response.stderr
    assert response.artifact is not None
    copied = asyncio.run(site.storage.stat("results/video.mp4"))
    assert copied is not None
    assert copied.sha256 == response.artifact.sha256
