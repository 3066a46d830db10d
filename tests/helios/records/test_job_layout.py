import json
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from helios.records.chunk_record import ChunkRecord, chunk_key, merge_key
from helios.records.job_layout import JobFolder, chunk_output, chunk_record, local_folder
from tests.helios.worker_setup import make_spec

ASSETS = f"s3://bucket/assets/{'a' * 64}.tar.zst"


@pytest.mark.parametrize(
    ("job_path", "extra", "artifacts", "folder"),
    [
        ("s3://bucket/jobs/1/job.json", {}, None, "s3://bucket/jobs/1"),
        ("s3://bucket/jobs/1/job.json", {}, "s3://mine", "s3://bucket/jobs/1"),
        ("gs://bucket/job.json", {}, None, "gs://bucket"),
        ("/mnt/jobs/1/job.json", {}, None, "/mnt/jobs/1"),
        ("s3://bucket/job.json", {"output_url": "s3://out/here/"}, None, "s3://bucket"),
        ("s3://bucket/j/job.json", {"output_url": "s3://bucket/j/v.mp4"}, None, "s3://bucket/j"),
        ("s3://bucket/j/job.json", {"output_url": "s3://bucket/j/x/"}, None, "s3://bucket/j/x"),
        ("s3://bucket/j/job.json", {"output_url": "s3://bucket/j2/"}, None, "s3://bucket/j"),
        ("https://h/job.json", {"output_url": "s3://out/here"}, None, "s3://out/here"),
        ("https://h/job.json", {"id": "seven"}, "s3://mine/", "s3://mine/jobs/seven"),
    ],
)
def test_a_jobs_folder_follows_from_spec_and_path(
    job_path: str, extra: dict[str, Any], artifacts: str | None, folder: str
) -> None:
    found = JobFolder.of(make_spec(**extra), job_path, artifacts=artifacts)
    assert found is not None
    assert found.url == folder


def test_a_spec_from_the_web_has_no_folder_unless_something_gives_it_one() -> None:
    assert JobFolder.of(make_spec(), "https://host/job.json") is None


def test_a_spec_from_the_web_without_id_is_known_by_its_content() -> None:
    one, other = make_spec(), make_spec(chunks=3)
    folders = {
        JobFolder.of(spec, path, artifacts="s3://mine")
        for spec in (one, other)
        for path in ("https://host/job.json", "https://host/job.json?signature=x")
    }
    assert len(folders) == 2


def test_the_output_is_called_what_the_job_calls_it_unless_the_spec_names_it() -> None:
    assert JobFolder("s3://bucket/j").output("some/where/video.mp4") == "output/video.mp4"
    named = JobFolder.of(make_spec(output_url="s3://bucket/j/final.mp4"), "s3://bucket/j/job.json")
    assert named is not None
    assert named.output("video.mp4") == "final.mp4"


@pytest.mark.parametrize(
    ("output_url", "delivered"),
    [
        ("s3://out/films/final.mp4", "s3://out/films/final.mp4"),
        ("s3://out/films/", "s3://out/films/video.mp4"),
        ("s3://bucket/j/final.mp4", None),
        (None, None),
    ],
)
def test_an_output_elsewhere_is_a_destination_of_the_video(
    output_url: str | None, delivered: str | None
) -> None:
    folder = JobFolder.of(make_spec(output_url=output_url), "s3://bucket/j/job.json")
    assert folder is not None
    assert folder.delivered("output/video.mp4") == delivered


@pytest.mark.parametrize(
    ("output_file", "ending"),
    [
        ("chunks/00000.mp4", ".mp4"),
        ("chunks/00000.MOV", ".MOV"),
        ("images", ".tar"),
        ("images/frame.png", ".tar"),
        ("x.we ird", ".bin"),
        ("x.averylongending", ".bin"),
    ],
)
def test_a_chunks_name_says_what_it_is(output_file: str, ending: str) -> None:
    value = json.loads(make_spec().to_json())
    value["chunks"][0]["outputFile"] = output_file
    chunk = JobSpec.parse(json.dumps(value)).chunks[0]
    assert chunk_output(chunk, "0123456789abcdef") == f"chunks/0-0123456789abcdef{ending}"
    assert chunk_record(chunk, "0123456789abcdef") == "chunks/0-0123456789abcdef.json"


def test_a_key_depends_on_what_determines_the_pixels_and_on_nothing_else() -> None:
    spec = make_spec(assets_url=ASSETS)
    key = chunk_key(spec, spec.chunks[0])
    assert len(key) == 16
    same = make_spec(
        assets_url=ASSETS.replace("bucket", "other"), id="x", merge="", output_url="s3://bucket"
    )
    assert chunk_key(same, same.chunks[0]) == key
    assert chunk_key(spec, spec.chunks[1]) != key
    other = make_spec(assets_url=ASSETS.replace("a" * 64, "b" * 64))
    assert chunk_key(other, other.chunks[0]) != key


def test_a_merges_key_depends_on_every_chunk() -> None:
    spec = make_spec(assets_url=ASSETS)
    key = merge_key(spec, {0: "a", 1: "b"})
    assert merge_key(spec, {0: "b", 1: "a"}) != key
    assert merge_key(make_spec(assets_url=ASSETS, merge=""), {0: "a", 1: "b"}) != key
    assert merge_key(spec, {1: "b", 0: "a"}) == key


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"chunkId": "x"}', b"\xff"])
def test_what_is_no_record_counts_as_none(data: bytes) -> None:
    assert ChunkRecord.parse(data) is None


@pytest.mark.parametrize(
    ("job_path", "folder"),
    [
        ("/mnt/a job/job.json", "/mnt/a job"),
        ("file:///mnt/a%20job/job.json", "/mnt/a job"),
        ("s3://bucket/job.json", None),
        ("https://host/job.json", None),
    ],
)
def test_the_folder_of_a_local_spec_is_known(job_path: str, folder: str | None) -> None:
    found = local_folder(job_path)
    assert (None if found is None else str(found)) == folder
