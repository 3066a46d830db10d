from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helios.errors import StorageInvalid
from helios.storage import open_storage, split_url
from helios.storage.keys import MAX_STEP_BYTES, check_key, check_prefix, content_type


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("/a/b", "file:///a/b"),
        ("/a/b/", "file:///a/b"),
        ("file:///a/b", "file:///a/b"),
        ("file://localhost/a/b", "file:///a/b"),
        ("FILE:///a/b", "file:///a/b"),
        ("file:///a%20b/%C3%A9", "file:///a%20b/%C3%A9"),
        ("/a b/é%", "file:///a%20b/%C3%A9%25"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a b/é?#%20", "s3://bucket/a b/é?#%20"),
        ("S3://bucket/A", "s3://bucket/A"),
        ("gs://my.bucket_name-1/a/", "gs://my.bucket_name-1/a"),
    ],
)
def test_a_url_opens_the_storage_that_it_names(url: str, opened: str) -> None:
    assert open_storage(url, env={}).url == opened


def test_a_relative_path_counts_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = open_storage("out/artifacts")
    monkeypatch.chdir("/")

    assert storage.url == (tmp_path / "out/artifacts").as_uri()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file://",
        "file://host/share",
        "file:///a/../b",
        "file:///a/%2e%2e/b",
        "file:///a%00b",
        "s3://",
        "s3:///key",
        "s3://Bucket/key",
        "s3://b/key",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://user:secret@bucket/key",
        "gs://bucket:80/key",
        "gs://-bucket/key",
        "http://example.com/folder",
        "azure://bucket/key",
        "a\0b",
    ],
)
def test_a_url_that_names_no_place_for_artifacts_is_refused(url: str) -> None:
    with pytest.raises(StorageInvalid):
        open_storage(url, env={})


@pytest.mark.parametrize(
    ("url", "base", "key"),
    [
        ("s3://bucket/job.json", "s3://bucket", "job.json"),
        ("s3://bucket/jobs/1/job.json", "s3://bucket/jobs/1", "job.json"),
        ("gs://bucket/a b/é#1?.json", "gs://bucket/a b", "é#1?.json"),
        ("/jobs/1/job.json", "/jobs/1", "job.json"),
        ("/job.json", "/", "job.json"),
        ("job.json", ".", "job.json"),
        ("jobs/../job.json", "jobs/..", "job.json"),
        ("file:///a%20b/job%201.json", "file:///a%20b", "job 1.json"),
        ("file:///job.json", "file://", "job.json"),
    ],
)
def test_an_object_s_url_is_its_folder_and_its_key_there(url: str, base: str, key: str) -> None:
    assert split_url(url) == (base, key)


@pytest.mark.parametrize(
    "url",
    ["s3://bucket", "s3://bucket/", "/a/", "/a/..", "file:///a/", "http://host/a", "a/.helios-x"],
)
def test_a_url_that_names_no_object_is_refused(url: str) -> None:
    with pytest.raises(StorageInvalid):
        split_url(url)


@given(st.text())
@example("a/../b")
@example(".\u0301./b")
@example("a\u2028b")
def test_what_is_a_key_stays_in_its_folder(key: str) -> None:
    try:
        check_key(key)
    except StorageInvalid as fault:
        assert "key" in fault.message
        return
    path = Path("/folder", key)
    assert path.is_relative_to("/folder") and path != Path("/folder")
    assert str(path) == f"/folder/{key}"
    assert ".." not in path.parts
    assert all(len(step.encode()) <= MAX_STEP_BYTES for step in path.parts)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1))
def test_any_word_is_a_key_if_it_is_short_and_not_reserved(word: str) -> None:
    special = word in (".", "..") or word.startswith(".helios-") or len(word.encode()) > 200

    if not special:
        check_key(f"folder/{word}/{word}")
        check_prefix(f"folder/{word}/{word}")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("output/film.mp4", "video/mp4"),
        ("chunks/0.json", "application/json"),
        ("assets/x.tar.zst", "application/octet-stream"),
        ("no-ending", "application/octet-stream"),
    ],
)
def test_browsers_are_told_what_an_object_is(key: str, kind: str) -> None:
    assert content_type(key) == kind
