from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.datastructures import Headers

from sandbox.google.identity.token_server import TokenServer
from worker_cloudrun.trace import project_of_instance, trace_fields

TRACE = "0123456789abcdef0123456789abcdef"
NAME = f"projects/p/traces/{TRACE}"


@pytest.fixture
def unknown_project() -> Iterator[None]:
    project_of_instance.cache_clear()
    yield
    project_of_instance.cache_clear()


@pytest.mark.parametrize(
    ("header", "value", "span", "sampled"),
    [
        ("X-Cloud-Trace-Context", f"{TRACE}/255;o=1", "00000000000000ff", True),
        ("X-Cloud-Trace-Context", f"{TRACE}/255;o=0", "00000000000000ff", False),
        ("X-Cloud-Trace-Context", f"{TRACE.upper()}/1", "0000000000000001", False),
        ("X-Cloud-Trace-Context", TRACE, None, False),
        ("Traceparent", f"00-{TRACE}-00000000000000ff-01", "00000000000000ff", True),
        ("Traceparent", f"00-{TRACE}-00000000000000ff-00", "00000000000000ff", False),
    ],
)
def test_a_trace_is_named_as_cloud_logging_wants_it(
    header: str, value: str, span: str | None, sampled: bool
) -> None:
    assert trace_fields(Headers({header: value}), project="p") == {
        "logging.googleapis.com/trace": NAME,
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }


@pytest.mark.parametrize("value", ["", "x", "1/2;o=1", "00-" + "g" * 32 + "-00-01"])
def test_what_is_no_trace_is_passed_over(value: str) -> None:
    for header in ("X-Cloud-Trace-Context", "Traceparent"):
        assert trace_fields(Headers({header: value}), project="p") == {}


def test_a_trace_without_project_cant_be_named() -> None:
    assert trace_fields(Headers({"X-Cloud-Trace-Context": TRACE}), project=None) == {}


def test_the_project_is_the_metadata_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unknown_project: None
) -> None:
    monkeypatch.setenv("K_SERVICE", "worker")
    with TokenServer(tmp_path) as server:
        monkeypatch.setenv("GCE_METADATA_HOST", server.address)
        assert project_of_instance() == "sandbox"


def test_without_a_metadata_server_there_is_no_project(
    monkeypatch: pytest.MonkeyPatch, unknown_project: None
) -> None:
    monkeypatch.setenv("CLOUD_RUN_JOB", "job")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    assert project_of_instance() is None
    project_of_instance.cache_clear()
    monkeypatch.delenv("CLOUD_RUN_JOB")
    assert project_of_instance() is None
