from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.errors import OptionInvalid, SourceForbidden
from helios.worker.sources.allowed_urls import AllowedUrls


def allows(prefixes: list[str], url: str, *, allow_local: bool = False) -> bool:
    try:
        AllowedUrls(prefixes, allow_local=allow_local).check(url, what="jobPath")
    except SourceForbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("s3://bucket/renders", "s3://bucket/renders/one/job.json"),
        ("s3://bucket/renders/", "s3://bucket/renders/one/job.json"),
        ("s3://bucket", "s3://bucket/job.json"),
        ("s3://bucket", "S3://bucket/job.json"),
        ("s3://bucket/a", "s3://bucket/a/what is this?#%2F.json"),
        ("gs://bucket/jobs", "gs://bucket/jobs/job.json"),
        ("https://example.com/jobs", "https://example.com/jobs/job.json?signature=x"),
        ("https://example.com/jobs", "https://EXAMPLE.com:443/jobs/job.json"),
        ("https://example.com:8443", "https://example.com:8443/job.json"),
        ("https://", "https://anywhere.test/job.json"),
        ("/mnt/jobs", "/mnt/jobs/one/job.json"),
        ("/mnt/jobs", "file:///mnt/jobs/one/job.json"),
        ("file:///mnt/jobs", "/mnt/jobs/../jobs/one/job.json"),
    ],
)
def test_what_begins_like_an_allowed_url_is_allowed(prefix: str, url: str) -> None:
    assert allows([prefix], url)


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("s3://bucket/renders", "s3://bucket/renders-2/job.json"),
        ("s3://bucket/renders", "s3://bucket/renders/../secrets/job.json"),
        ("s3://bucket/renders", "s3://bucket/job.json"),
        ("s3://bucket", "s3://bucket-2/job.json"),
        ("s3://bucket", "s3://bucket@other/job.json"),
        ("s3://bucket", "s3://bucket:80/job.json"),
        ("s3://bucket", "gs://bucket/job.json"),
        ("https://example.com", "http://example.com/job.json"),
        ("https://example.com", "https://example.com.evil.test/job.json"),
        ("https://example.com", "https://example.com@evil.test/job.json"),
        ("https://example.com", "https://user:password@example.com/job.json"),
        ("https://example.com", "https://example.com:8443/job.json"),
        ("https://example.com", "https://example.com\\@evil.test/job.json"),
        ("https://example.com", "https://example.com\t.evil.test/job.json"),
        ("https://example.com", " https://evil.test/https://example.com/job.json"),
        ("https://example.com/jobs", "https://example.com/jobs/../admin.json"),
        ("https://example.com/jobs", "https://example.com/jobs/%2e%2e/admin.json"),
        ("https://example.com/jobs", "https://example.com/jobs/..%5cadmin.json"),
        ("https://example.com/jobs", "https://example.com/jobs%2f..%2fadmin.json"),
        ("https://", "http://anywhere.test/job.json"),
        ("https://", "https://[::1/job.json"),
        ("/mnt/jobs", "/mnt/jobs/../../etc/passwd"),
        ("/mnt/jobs", "/mnt/jobs-2/job.json"),
        ("/mnt/jobs", "file:///mnt/jobs/%2e%2e/other/job.json"),
        ("/mnt/jobs", "relative/job.json"),
        ("/mnt/jobs", "/mnt/jobs/\0"),
    ],
)
def test_what_only_looks_like_it_is_refused(prefix: str, url: str) -> None:
    assert not allows([prefix], url)


def test_nothing_is_allowed_by_default() -> None:
    for url in ("s3://b/j", "gs://b/j", "http://h/j", "https://h/j", "/j", "j", "file:///j"):
        assert not allows([], url)


def test_local_paths_are_allowed_by_a_switch_of_their_own() -> None:
    assert allows([], "/anywhere/job.json", allow_local=True)
    assert allows([], "file:///anywhere/job.json", allow_local=True)
    assert not allows([], "s3://bucket/job.json", allow_local=True)


@pytest.mark.parametrize("prefix", ["s3://bucket/../x", "https://me@host/", "https://host:port/"])
def test_a_list_that_could_be_misread_is_refused(prefix: str) -> None:
    with pytest.raises(OptionInvalid, match="allowed sources"):
        AllowedUrls([prefix])


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "jobs" / "job.json").symlink_to(tmp_path / "secret.json")
    assert not allows([str(tmp_path / "jobs")], str(tmp_path / "jobs" / "job.json"))


def test_a_refusal_names_the_url_without_its_signature() -> None:
    with pytest.raises(SourceForbidden) as refused:
        AllowedUrls([]).check("https://host.test/job.json?X-Amz-Signature=abc", what="jobPath")
    assert "https://host.test/job.json" in str(refused.value)
    assert "abc" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_allowed_or_refused_and_never_an_error(text: str) -> None:
    allows(["s3://bucket/jobs", "https://example.com"], text)
    allows(["s3://bucket/jobs"], f"s3://{text}")
    allows(["https://example.com"], f"https://{text}")
