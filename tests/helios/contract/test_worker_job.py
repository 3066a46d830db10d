import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.invocation import Invocation, InvocationResponse
from helios.contract.messages.output_tail import MAX_OUTPUT_BYTES, OutputTail, cut_output
from helios.contract.worker_job import WorkerResult
from helios.errors import BrowserCrashed, HeliosError, InvocationInvalid, report


def test_a_short_output_is_kept_whole() -> None:
    tail = OutputTail()
    tail.append(b"one\n")
    tail.append("zwölf\n".encode())
    assert tail.text() == "one\nzwölf\n"


def test_a_long_output_keeps_its_end_and_says_what_is_missing() -> None:
    tail = OutputTail()
    for number in range(50_000):
        tail.append(b"line %06d\n" % number)
    text = tail.text()
    note, rest = text.split("\n", 1)
    assert rest.endswith("line 049999\n")
    assert note == f"[... {600_000 - len(rest)} bytes left out ...]"
    assert len(text.encode()) <= MAX_OUTPUT_BYTES


@given(st.binary(max_size=40), st.sampled_from(["é", "日", "😀", "a"]))
def test_a_cut_never_leaves_more_than_the_limit_nor_half_a_character(
    odd: bytes, character: str
) -> None:
    tail = OutputTail()
    tail.append(odd)
    tail.append(character.encode() * 70_000)
    text = tail.text()
    assert len(text.encode()) <= MAX_OUTPUT_BYTES
    assert set(text.split("\n", 1)[1]) == {character}


def test_cutting_twice_changes_nothing() -> None:
    text = cut_output("x" * 200_000)
    assert cut_output(text) == text


def test_a_request_for_a_chunk_is_what_older_workers_know() -> None:
    request = Invocation(job_path="s3://bucket/job.json", chunk_index=0)
    assert request.payload() == {"jobPath": "s3://bucket/job.json", "chunkIndex": 0}
    assert Invocation.parse(request.payload()) == request
    assert Invocation.parse(request.encoded()) == request


def test_an_answer_may_hold_half_of_a_surrogate_pair() -> None:
    answer = InvocationResponse.parse(rb'{"exitCode": 0, "stdout": "cut \ud83d"}')
    assert answer.exit_code == 0
    assert answer.result().stdout == "cut \ud83d"


def test_a_merge_needs_no_chunk() -> None:
    request = Invocation.parse('{"jobPath": "job.json", "action": "merge", "attempt": 2}')
    assert (request.action, request.chunk_index, request.attempt) == ("merge", None, 2)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"jobPath": "a"},
        {"jobPath": "", "chunkIndex": 0},
        {"jobPath": "a", "chunkIndex": -1},
        {"jobPath": "a", "chunkIndex": "0"},
        {"jobPath": "a", "chunkIndex": True},
        {"jobPath": 1, "chunkIndex": 0},
        {"jobPath": "a", "chunkIndex": 0, "action": "dance"},
        {"job_path": "a", "chunk_index": 0},
        [],
        None,
        "{",
        b"\xff",
        "[" * 100_000,
        '{"jobPath": "a", "chunkIndex": 0, "x": NaN}',
        '{"jobPath": "a", "chunkIndex": 0, "x": [{"y": 1e999}]}',
        '{"jobPath": "a", "chunkIndex": 0}'.encode("utf-16"),
        {"jobPath": "a", "chunkIndex": 0, "x": float("nan")},
    ],
)
def test_a_request_that_breaks_the_format_is_refused(payload: object) -> None:
    with pytest.raises(InvocationInvalid):
        Invocation.parse(payload)


def test_a_response_repeats_stdout_as_output_and_carries_the_error() -> None:
    error = ErrorRecord.of(BrowserCrashed("the browser is gone"))
    artifact = Artifact(url="s3://b/chunk.mov", bytes=5, sha256="00")
    result = WorkerResult(
        exit_code=1, stdout="out", stderr="err", duration_ms=12.4, error=error, artifact=artifact
    )
    body = json.loads(json.dumps(InvocationResponse.of(result).body()))
    assert body == {
        "exitCode": 1,
        "stdout": "out",
        "output": "out",
        "stderr": "err",
        "durationMs": 12,
        "artifact": {"url": "s3://b/chunk.mov", "bytes": 5, "sha256": "00"},
        "error": {"code": "BROWSER_CRASHED", "message": "the browser is gone", "retryable": True},
        "message": "the browser is gone",
    }
    assert InvocationResponse.parse(body).result().error == error


def test_a_success_has_neither_artifact_nor_error_unless_there_is_one() -> None:
    assert set(InvocationResponse.of(WorkerResult(exit_code=0)).body()) == {
        "exitCode",
        "stdout",
        "stderr",
        "output",
        "durationMs",
    }


def test_outputs_of_a_response_are_cut_so_that_it_stays_far_below_6_mb() -> None:
    result = WorkerResult(exit_code=0, stdout="\0" * 10_000_000, stderr="é" * 10_000_000)
    body = InvocationResponse.of(result).body()
    assert body["stdout"].startswith("[... ")
    wrapped = json.dumps({"statusCode": 200, "body": json.dumps(body)})
    assert len(wrapped.encode()) < 3_000_000


@pytest.mark.parametrize(
    "payload",
    ['{"exitCode":0,"output":"hi","stderr":""}', '{"exitCode":0,"stdout":"hi","stderr":"e"}'],
)
def test_a_response_with_the_original_fields_alone_is_understood(payload: str) -> None:
    result = InvocationResponse.parse(payload).result()
    assert (result.exit_code, result.stdout, result.failure) == (0, "hi", None)


@pytest.mark.parametrize(
    ("status", "retryable"), [(400, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_a_bare_message_is_a_failure_that_the_status_explains(status: int, retryable: bool) -> None:
    result = InvocationResponse.parse({"message": "no such job"}, status=status).result()
    assert result.exit_code != 0
    assert result.error is not None
    assert (result.error.message, result.error.retryable) == ("no such job", retryable)


def test_a_failure_without_error_is_read_from_stderr() -> None:
    stderr = "log\n" + report(BrowserCrashed("gone")) + "\n"
    result = InvocationResponse.parse({"exitCode": 1, "stderr": stderr}).result()
    assert result.error == ErrorRecord(code="BROWSER_CRASHED", message="gone", retryable=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["exitCode", "stdout", "stderr", "output", "message", "error", "artifact", "jobPath"]
)


@given(st.dictionaries(FIELDS | st.text(), JSON) | JSON)
def test_any_answer_is_understood_or_refused_in_our_terms(payload: Any) -> None:
    for parse in (Invocation.parse, InvocationResponse.parse):
        try:
            parse(payload)
        except HeliosError:
            continue
