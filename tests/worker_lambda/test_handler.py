"""The Lambda function, called as its runtime client calls it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.helios.worker_setup import WorkerSetup, drawing, make_spec
from worker_lambda import handler as module
from worker_lambda.handler import handler

#: Bytes of an answer that Lambda passes on.
LAMBDA_LIMIT = 6 * 1024 * 1024


@dataclass
class Context:
    """What Lambda tells about an invocation."""

    aws_request_id: str = "request-1"
    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerSetup]:
    """A new execution environment with storage of its own."""
    made = WorkerSetup(tmp_path)
    monkeypatch.setenv("HELIOS_ARTIFACTS", made.artifacts)
    monkeypatch.setenv("HELIOS_WORKSPACE", str(made.disk))
    monkeypatch.setenv("HELIOS_EXECUTABLES", "helios,ffmpeg,sh")
    module._runtime.cache_clear()
    yield made
    module._runtime.cache_clear()


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def call(event: object, **context: Any) -> tuple[int, dict[str, Any]]:
    answer = handler(event, Context(**context))
    assert set(answer) == {"statusCode", "body"}
    assert len(json.dumps(answer)) < LAMBDA_LIMIT
    return answer["statusCode"], json.loads(answer["body"])


def test_a_client_with_only_the_original_fields_is_served(site: WorkerSetup) -> None:
    status, body = call({"jobPath": site.put(make_spec()), "chunkIndex": 0})
    assert status == 200
    assert body["exitCode"] == 0
    assert body["output"] == body["stdout"]
    assert site.file(body["artifact"]["url"]).exists()


def test_a_chunk_and_a_merge_are_answered(site: WorkerSetup) -> None:
    spec = make_spec()
    job = site.put(spec)
    for number in range(2):
        assert call({"jobPath": job, "chunkIndex": number})[0] == 200
    status, body = call({"jobPath": job, "action": "merge"})
    assert status == 200
    assert body["artifact"]["url"].endswith("/output/video.mp4")


@pytest.mark.parametrize("event", [None, [], "text", 7, {}, {"jobPath": 3}, {"Records": []}])
def test_any_other_event_is_answered_with_400(site: WorkerSetup, event: object) -> None:
    status, body = call(event)
    assert status == 400
    assert body["error"]["code"] == "INVOCATION_INVALID"
    assert body["stderr"].startswith("error[INVOCATION_INVALID]")


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"chunkIndex": float("nan")}, 400, "INVOCATION_INVALID"),
        ({"note": float("inf")}, 400, "INVOCATION_INVALID"),
        ({"note": {"deeper": [-float("inf")]}}, 400, "INVOCATION_INVALID"),
        ({"note": nested(100)}, 400, "INVOCATION_INVALID"),
        ({"note": nested(100_000)}, 400, "INVOCATION_INVALID"),
        ({"note": "x" * 5_000_000}, 413, "PAYLOAD_TOO_LARGE"),
        ({"note": ["x"] * 2_000_000}, 413, "PAYLOAD_TOO_LARGE"),
        ({"x" * 2_000_000: 1}, 413, "PAYLOAD_TOO_LARGE"),
    ],
    ids=["nan", "infinity", "deep infinity", "deep", "very deep", "long", "many", "long name"],
)
def test_an_event_that_is_no_plain_small_json_is_refused(
    site: WorkerSetup, more: dict[str, object], status: int, code: str
) -> None:
    found, body = call({"jobPath": site.put(make_spec()), "chunkIndex": 0, **more})
    assert (found, body["error"]["code"]) == (status, code)
    assert not body["error"]["retryable"]


def test_a_failure_is_answered_with_500_and_the_commands_outputs(site: WorkerSetup) -> None:
    spec = make_spec(["sh -c 'echo out; echo err >&2; exit 7'"])
    status, body = call({"jobPath": site.put(spec), "chunkIndex": 0})
    assert status == 500
    assert (body["exitCode"], body["stdout"], body["stderr"]) == (7, "out\n", "err\n")


def test_a_failure_is_raised_under_its_code_where_the_caller_asks_for_it(site: WorkerSetup) -> None:
    job = site.put(make_spec(["sh -c 'exit 7'"]))
    with pytest.raises(Exception, match="COMMAND_FAILED") as raised:
        handler({"jobPath": job, "chunkIndex": 0, "raiseErrors": True}, Context())
    assert type(raised.value).__name__ == "COMMAND_FAILED"
    told = json.loads(str(raised.value))
    assert told["code"] == "COMMAND_FAILED"
    assert told["retryable"] is True
    with pytest.raises(Exception, match="CHUNK_NOT_FOUND") as raised:
        handler({"jobPath": job, "chunkIndex": 99, "raiseErrors": True}, Context())
    assert type(raised.value).__name__ == "CHUNK_NOT_FOUND"


def test_a_failure_that_is_raised_says_where_it_was_and_what_the_page_logged(
    site: WorkerSetup,
) -> None:
    job = site.put(make_spec(["sh -c 'echo \"page[load] error: no map\" >&2; exit 7'"]))
    with pytest.raises(Exception, match="COMMAND_FAILED") as raised:
        handler({"jobPath": job, "chunkIndex": 0, "raiseErrors": True, "attempt": 2}, Context())
    told = json.loads(str(raised.value))
    assert told["details"] == ["page[load] error: no map"]
    assert told["attempt"] == 2
    assert told["worker"]["requestId"] == "request-1"


def test_a_success_is_answered_where_the_caller_asks_for_raised_errors(site: WorkerSetup) -> None:
    event = {"jobPath": site.put(make_spec()), "chunkIndex": 0, "raiseErrors": True}
    assert call(event)[0] == 200


def test_the_command_ends_before_the_function_does(site: WorkerSetup) -> None:
    job = site.put(make_spec(["sh -c 'exec sleep 60'"]))
    status, body = call({"jobPath": job, "chunkIndex": 0}, milliseconds=2000)
    assert (status, body["error"]["code"]) == (500, "TIMEOUT")


def test_the_longest_output_stays_below_lambdas_limit(site: WorkerSetup) -> None:
    # Control characters take the most room in JSON, and the body is JSON inside of JSON.
    flood = 'head -c 300000 /dev/zero | tr "\\0" "\\1" | tee /dev/stderr'
    job = site.put(make_spec([f"sh -c '{flood}; exit 1'"]))
    status, body = call({"jobPath": job, "chunkIndex": 0})
    assert status == 500
    assert len(body["stdout"]) > 60_000


def test_answers_to_a_workflow_fit_into_its_states(site: WorkerSetup) -> None:
    flood = 'head -c 300000 /dev/zero | tr "\\0" "\\1" | tee /dev/stderr'
    chatty = f"sh -c '{flood}; exec {drawing(0, 'chunks/00000.mp4')}'"
    job = site.put(make_spec([chatty, f"sh -c '{flood}; exit 1'"]))

    answer = handler({"jobPath": job, "chunkIndex": 0, "raiseErrors": True}, Context())
    with pytest.raises(Exception, match="COMMAND_FAILED") as raised:
        handler({"jobPath": job, "chunkIndex": 1, "raiseErrors": True}, Context())

    assert len(json.dumps(answer)) < 256 * 1024 / 2
    assert "left out" in json.loads(answer["body"])["stdout"]
    # What Step Functions keeps of a cause.
    assert len(json.dumps({"errorMessage": str(raised.value)})) < 32 * 1024


def test_every_line_of_the_log_has_the_request_id(
    site: WorkerSetup, capfd: pytest.CaptureFixture[str]
) -> None:
    call({"jobPath": site.put(make_spec()), "chunkIndex": 0}, aws_request_id="request-7")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {line["requestId"] for line in lines} == {"request-7"}
    assert lines[-1]["event"] == "invocation.ended"


def test_the_runtime_is_made_once_for_an_environment(site: WorkerSetup) -> None:
    job = site.put(make_spec())
    call({"jobPath": job, "chunkIndex": 0})
    first = module._runtime()
    call({"jobPath": job, "chunkIndex": 1})
    assert module._runtime() is first


def test_a_wrong_configuration_is_answered_with_its_fault(
    site: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOS_CHUNK_TIMEOUT", "soon")
    status, body = call({"jobPath": site.put(make_spec()), "chunkIndex": 0})
    assert (status, body["error"]["code"]) == (500, "OPTION_INVALID")
    assert "HELIOS_CHUNK_TIMEOUT" in body["error"]["message"]


def test_loading_the_function_loads_no_sdk() -> None:
    program = "import sys, worker_lambda.handler; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"aiohttp", "boto3", "botocore", "obstore", "zstandard", "psutil", "rich", "typer"}
    assert heavy.isdisjoint(loaded)
