"""The Lambda function: called as Lambda does it, and under its real runtime client."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.local_aws import LocalAws
from tests.helios.worker_site import FRAMES, Site, drawing, make_spec
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
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A new execution environment with storage of its own."""
    made = Site(tmp_path)
    monkeypatch.setenv("HELIOS_ARTIFACTS", made.artifacts)
    monkeypatch.setenv("HELIOS_WORKSPACE", str(made.disk))
    monkeypatch.setenv("HELIOS_EXECUTABLES", "helios,ffmpeg,sh")
    module._runtime.cache_clear()
    yield made
    module._runtime.cache_clear()


def call(event: object, **context: Any) -> tuple[int, dict[str, Any]]:
    answer = handler(event, Context(**context))
    assert set(answer) == {"statusCode", "body"}
    assert len(json.dumps(answer)) < LAMBDA_LIMIT
    return answer["statusCode"], json.loads(answer["body"])


def test_a_client_that_knows_only_the_original_fields_is_served(site: Site) -> None:
    status, body = call({"jobPath": site.put(make_spec()), "chunkIndex": 0})
    assert status == 200
    assert body["exitCode"] == 0
    assert body["output"] == body["stdout"]
    assert site.file(body["artifact"]["url"]).exists()


def test_a_chunk_and_a_merge_are_answered(site: Site) -> None:
    spec = make_spec()
    job = site.put(spec)
    for number in range(2):
        assert call({"jobPath": job, "chunkIndex": number})[0] == 200
    status, body = call({"jobPath": job, "action": "merge"})
    assert status == 200
    assert body["artifact"]["url"].endswith("/output/video.mp4")


@pytest.mark.parametrize("event", [None, [], "text", 7, {}, {"jobPath": 3}, {"Records": []}])
def test_any_other_event_is_answered_with_400(site: Site, event: object) -> None:
    status, body = call(event)
    assert status == 400
    assert body["error"]["code"] == "INVOCATION_INVALID"
    assert body["stderr"].startswith("error[INVOCATION_INVALID]")


def test_a_failure_is_answered_with_500_and_the_commands_outputs(site: Site) -> None:
    spec = make_spec(["sh -c 'echo out; echo err >&2; exit 7'"])
    status, body = call({"jobPath": site.put(spec), "chunkIndex": 0})
    assert status == 500
    assert (body["exitCode"], body["stdout"], body["stderr"]) == (7, "out\n", "err\n")


def test_a_failure_is_raised_under_its_code_where_the_caller_asks_for_it(site: Site) -> None:
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


def test_a_success_is_answered_where_the_caller_asks_for_raised_errors(site: Site) -> None:
    event = {"jobPath": site.put(make_spec()), "chunkIndex": 0, "raiseErrors": True}
    assert call(event)[0] == 200


def test_the_command_ends_before_the_function_does(site: Site) -> None:
    job = site.put(make_spec(["sh -c 'exec sleep 60'"]))
    status, body = call({"jobPath": job, "chunkIndex": 0}, milliseconds=2000)
    assert (status, body["error"]["code"]) == (500, "TIMEOUT")


def test_the_longest_output_stays_below_lambdas_limit(site: Site) -> None:
    # Control characters take the most room in JSON, and the body is JSON inside of JSON.
    flood = 'head -c 300000 /dev/zero | tr "\\0" "\\1" | tee /dev/stderr'
    job = site.put(make_spec([f"sh -c '{flood}; exit 1'"]))
    status, body = call({"jobPath": job, "chunkIndex": 0})
    assert status == 500
    assert len(body["stdout"]) > 60_000


def test_every_line_of_the_log_has_the_request_id(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    call({"jobPath": site.put(make_spec()), "chunkIndex": 0}, aws_request_id="request-7")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert {line["requestId"] for line in lines} == {"request-7"}
    assert lines[-1]["event"] == "invocation.ended"


def test_the_runtime_is_made_once_for_an_environment(site: Site) -> None:
    job = site.put(make_spec())
    call({"jobPath": job, "chunkIndex": 0})
    first = module._runtime()
    call({"jobPath": job, "chunkIndex": 1})
    assert module._runtime() is first


def test_a_wrong_configuration_is_answered_with_its_fault(
    site: Site, monkeypatch: pytest.MonkeyPatch
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


# --- under the real runtime client ---------------------------------------------------------------


@dataclass
class Deployed:
    """A deployed worker, with a bucket of its own."""

    aws: LocalAws
    name: str
    bucket: str

    def put(self, key: str, text: str) -> str:
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return f"s3://{self.bucket}/{key}"

    def invoke(self, **event: Any) -> dict[str, Any]:
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.name, Payload=json.dumps(event).encode()
        )
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        return {**told, "functionError": answer.get("FunctionError")}


@pytest.fixture
def deployed(aws: LocalAws) -> Deployed:
    name = f"worker-{secrets.token_hex(4)}"
    aws.client("s3").create_bucket(Bucket=name)
    variables = {"HELIOS_ARTIFACTS": f"s3://{name}", "HELIOS_EXECUTABLES": "helios,ffmpeg,sh"}
    aws.deploy(name, variables={**aws.variables, **variables})
    return Deployed(aws, name, name)


def test_the_real_runtime_client_renders_and_joins_a_job_in_s3(deployed: Deployed) -> None:
    # Put there by other means, so without a digest.
    job = deployed.put("jobs/1/job.json", make_spec().to_json())
    for number in range(2):
        answer = deployed.invoke(jobPath=job, chunkIndex=number)
        assert answer["statusCode"] == 200, answer
    answer = deployed.invoke(jobPath=job, action="merge")
    assert answer["statusCode"] == 200, answer
    url = json.loads(answer["body"])["artifact"]["url"]
    assert url == f"s3://{deployed.bucket}/jobs/1/output/video.mp4"
    log = deployed.aws.log(deployed.name)
    assert '"event": "merge.stored"' in log
    assert f'"frames": {FRAMES}' in log


def test_the_real_runtime_client_reports_a_raised_error_by_its_code(deployed: Deployed) -> None:
    job = deployed.put("jobs/1/job.json", make_spec(["sh -c 'exit 7'"]).to_json())
    answer = deployed.invoke(jobPath=job, chunkIndex=0, raiseErrors=True)
    assert answer["functionError"] == "Unhandled"
    assert answer["errorType"] == "COMMAND_FAILED"
    assert json.loads(answer["errorMessage"])["retryable"] is True


def test_a_time_out_is_reported_by_the_worker_and_the_environment_stays(
    aws: LocalAws, deployed: Deployed
) -> None:
    aws.client("lambda").update_function_configuration(FunctionName=deployed.name, Timeout=6)
    slow = make_spec(["sh -c 'sleep 60'", drawing(1, "chunks/00001.mp4")])
    job = deployed.put("jobs/1/job.json", slow.to_json())
    answer = deployed.invoke(jobPath=job, chunkIndex=0)
    assert answer["functionError"] is None
    assert json.loads(answer["body"])["error"]["code"] == "TIMEOUT"
    assert deployed.invoke(jobPath=job, chunkIndex=1)["statusCode"] == 200


def test_a_command_that_takes_all_memory_is_reported_as_such(
    aws: LocalAws, deployed: Deployed
) -> None:
    aws.client("lambda").update_function_configuration(FunctionName=deployed.name, MemorySize=256)
    hog = "head -c 2000000000 /dev/zero | tail -c 1500000000 | wc -c"
    job = deployed.put("jobs/1/job.json", make_spec([f"sh -c '{hog}; kill -9 $$'"]).to_json())
    answer = deployed.invoke(jobPath=job, chunkIndex=0)
    assert json.loads(answer["body"])["error"]["code"] == "OUT_OF_MEMORY"
