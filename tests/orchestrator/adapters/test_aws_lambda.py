import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import HeliosError
from orchestrator.adapters import aws_lambda
from orchestrator.adapters.aws_lambda import AwsLambdaAdapter

from .lambda_api import (
    Answer,
    LambdaApi,
    function_error,
    lambda_api,
    payload,
    refusal,
    silence,
    success,
)

DONE = {"exitCode": 0, "output": "rendered", "stderr": "progress frame=3 total=3\n"}
ARN = "arn:aws:lambda:eu-north-1:123456789012:function:chunks"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def a_job(*, timeout: float | None = None, **task: Any) -> WorkerJob:
    task = {"job_path": "s3://bucket/jobs/1/job.json", "chunk_id": 7, **task}
    return WorkerJob(command="helios", args=["render"], task=Task(**task), timeout=timeout)


def invoke(
    answer: Answer, job: WorkerJob | None = None, *, function: str = "chunks", **options: Any
) -> tuple[WorkerResult, LambdaApi]:
    async def run() -> tuple[WorkerResult, LambdaApi]:
        async with lambda_api(answer) as api:
            adapter = AwsLambdaAdapter(function, endpoint_url=api.url, **options)
            return await adapter.execute(job or a_job()), api

    return asyncio.run(run())


def refused(answer: Answer, job: WorkerJob | None = None, **options: Any) -> HeliosError:
    with pytest.raises(HeliosError) as caught:
        invoke(answer, job, **options)
    return caught.value


def test_a_job_becomes_an_invocation_in_the_wire_format() -> None:
    result, api = invoke(success(DONE))

    assert api.payloads == [{"jobPath": "s3://bucket/jobs/1/job.json", "chunkIndex": 7}]
    assert api.functions == ["chunks"]
    assert result.exit_code == 0


def test_a_merge_and_a_further_attempt_say_what_they_are() -> None:
    job = WorkerJob(command="helios", task=Task(job_path="gs://b/job.json", attempt=2))

    _, api = invoke(success(DONE), job)

    assert api.payloads == [{"jobPath": "gs://b/job.json", "action": "merge", "attempt": 2}]


def test_everything_that_the_worker_says_comes_back() -> None:
    error = {"code": "ASSET_MISSING", "message": "a.png", "retryable": False, "details": ["a.png"]}
    artifact = {"url": "s3://bucket/jobs/1/chunks/7.mp4", "sha256": "ab", "bytes": 9}
    body = {
        "exitCode": 2,
        "stdout": "out",
        "output": "out",
        "stderr": "err",
        "durationMs": 1500,
        "artifact": artifact,
        "error": error,
    }

    result, _ = invoke(success(body, status=500))

    assert (result.exit_code, result.stdout, result.stderr) == (2, "out", "err")
    assert result.duration_ms == 1500
    assert result.artifact is not None
    assert result.artifact.model_dump() == artifact
    assert result.failure is not None
    assert (result.failure.code, result.failure.details) == ("ASSET_MISSING", ["a.png"])


def test_a_worker_with_only_the_original_fields_is_understood() -> None:
    result, _ = invoke(success({"exitCode": 0, "output": "hello", "stderr": ""}))
    assert (result.exit_code, result.stdout, result.failure) == (0, "hello", None)

    failed, _ = invoke(success({"exitCode": 3, "output": "", "stderr": "broke"}, status=500))
    assert failed.failure is not None
    assert (failed.exit_code, failed.failure.code) == (3, "COMMAND_FAILED")


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (500, True)])
def test_a_message_alone_is_a_failure_whose_status_tells_whether_it_is_transient(
    status: int, retryable: bool
) -> None:
    result, _ = invoke(success({"message": "no such chunk"}, status=status))

    assert result.failure is not None
    assert result.failure.message == "no such chunk"
    assert result.failure.retryable is retryable


@pytest.mark.parametrize("value", [None, [1], "text", {"statusCode": 200, "body": "{"}, {"a": 1}])
def test_an_answer_in_another_format_names_the_function(value: Any) -> None:
    error = refused(payload(value))

    assert error.code == "INVOCATION_INVALID"
    assert not error.retryable
    assert "function chunks: its answer" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (429, "TooManyRequestsException", "WORKER_THROTTLED", True),
        (400, "ThrottlingException", "WORKER_THROTTLED", True),
        (502, "EC2ThrottledException", "WORKER_THROTTLED", True),
        (404, "ResourceNotFoundException", "WORKER_NOT_FOUND", False),
        (403, "AccessDeniedException", "ACCESS_DENIED", False),
        (403, "ExpiredTokenException", "ACCESS_DENIED", False),
        (401, "UnrecognizedClientException", "ACCESS_DENIED", False),
        (502, "KMSAccessDeniedException", "ACCESS_DENIED", False),
        (413, "RequestTooLargeException", "PAYLOAD_TOO_LARGE", False),
        (409, "ResourceConflictException", "WORKER_UNAVAILABLE", True),
        (500, "ServiceException", "WORKER_UNAVAILABLE", True),
        (503, "ServiceUnavailable", "WORKER_UNAVAILABLE", True),
        (415, "UnsupportedMediaTypeException", "WORKER_UNAVAILABLE", False),
    ],
)
def test_refusals_are_told_apart(status: int, kind: str, code: str, retryable: bool) -> None:
    error = refused(refusal(status, kind, "because"))

    assert (error.code, error.retryable) == (code, retryable)
    assert "function chunks: because" in str(error)


def test_a_throttled_invocation_names_the_limit() -> None:
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded"

    error = refused(refusal(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason))

    assert reason in error.message


KILLED = "RequestId: 1 Error: Runtime exited with error: signal: killed"


@pytest.mark.parametrize(
    ("told", "code", "retryable"),
    [
        (
            {"errorMessage": "2026-01-01T00:00:00.000Z 1 Task timed out after 3.00 seconds"},
            "TIMEOUT",
            True,
        ),
        (
            {
                "errorType": "Sandbox.Timedout",
                "errorMessage": "RequestId: 1 Error: Task timed out after 3.00 seconds",
            },
            "TIMEOUT",
            True,
        ),
        ({"errorType": "Runtime.ExitError", "errorMessage": KILLED}, "OUT_OF_MEMORY", True),
        (
            {
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: 1 Error: Runtime exited with error: exit status 7",
            },
            "WORKER_CRASHED",
            True,
        ),
        (
            {
                "errorType": "ValueError",
                "errorMessage": "wrong",
                "requestId": "1",
                "stackTrace": ["x"],
            },
            "WORKER_CRASHED",
            True,
        ),
        (
            {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'x'"},
            "WORKER_CRASHED",
            False,
        ),
        (
            {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size",
            },
            "PAYLOAD_TOO_LARGE",
            False,
        ),
        (
            {
                "errorType": "Runtime.UnmarshalError",
                "errorMessage": "Unable to unmarshal input: maximum recursion depth exceeded",
            },
            "INVOCATION_INVALID",
            False,
        ),
        ("not what Lambda says", "WORKER_CRASHED", True),
    ],
)
def test_failures_of_a_function_are_told_apart(told: Any, code: str, retryable: bool) -> None:
    error = refused(function_error(told))

    assert (error.code, error.retryable) == (code, retryable)
    assert error.message.startswith("function chunks: ")


def test_a_crash_quotes_the_end_of_the_functions_log() -> None:
    log = "START RequestId: 1\nloading\nSegmentation fault\nEND RequestId: 1\nREPORT RequestId: 1\n"
    encoded = base64.b64encode(log.encode()).decode()

    error = refused(function_error({"errorMessage": "gone"}, log=encoded))

    assert error.details == ("loading", "Segmentation fault", "REPORT RequestId: 1")


def test_an_invocation_is_sent_once_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    attempts = 0

    async def count(request: web.Request, body: bytes) -> web.StreamResponse:
        nonlocal attempts
        attempts += 1
        return web.json_response({"message": "busy"}, status=503)

    refused(count)

    assert attempts == 1


async def _breaks_off(request: web.Request, body: bytes) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _breaks_off_half_way(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"statusCode": 200, ')
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize("answer", [_breaks_off, _breaks_off_half_way])
def test_a_broken_connection_is_a_transient_failure(answer: Answer) -> None:
    error = refused(answer)

    assert (error.code, error.retryable) == ("WORKER_UNAVAILABLE", True)


def test_an_unreachable_endpoint_is_a_transient_failure() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        adapter = AwsLambdaAdapter(
            "chunks", endpoint_url=f"http://127.0.0.1:{reserved.getsockname()[1]}"
        )
        with pytest.raises(HeliosError) as caught:
            asyncio.run(adapter.execute(a_job()))

    assert (caught.value.code, caught.value.retryable) == ("WORKER_UNAVAILABLE", True)


def test_an_answer_that_is_later_than_the_function_may_run_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aws_lambda, "_READ_SLACK", 0.2)

    error = refused(silence, function_timeout=0.1)

    assert (error.code, error.retryable) == ("WORKER_UNAVAILABLE", True)
    assert "0.3 s" in error.message


def test_a_jobs_time_limit_ends_the_wait() -> None:
    error = refused(silence, a_job(timeout=0.3))

    assert error.code == "TIMEOUT"
    assert error.retryable


def test_without_credentials_access_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    error = refused(success(DONE))

    assert (error.code, error.retryable) == ("ACCESS_DENIED", False)


def test_without_a_region_the_adapter_refuses_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(HeliosError) as caught:
        AwsLambdaAdapter("chunks")

    assert caught.value.code == "OPTION_INVALID"
    assert "AWS_REGION" in caught.value.hint


def test_an_arn_brings_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    _, api = invoke(success(DONE), function=ARN)

    assert api.functions == [ARN]


@pytest.mark.parametrize(
    "options", [{"function": ""}, {"concurrency": 0}, {"function_timeout": 0.0}]
)
def test_values_that_cant_work_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(HeliosError) as caught:
        AwsLambdaAdapter(**{"function": "chunks", **options})

    assert caught.value.code == "OPTION_INVALID"


@pytest.mark.parametrize("task", [{"job_path": ""}, {"chunk_id": -1}, {"chunk_id": "1"}])
def test_a_job_that_is_no_invocation_is_refused_before_anything_is_sent(
    task: dict[str, Any],
) -> None:
    error = refused(success(DONE), a_job(**task))

    assert error.code == "INVOCATION_INVALID"


@pytest.mark.slow
def test_five_hundred_invocations_are_under_way_at_once() -> None:
    count = 500
    arrived = 0
    everyone = asyncio.Event()

    async def wait_for_everyone(request: web.Request, body: bytes) -> web.StreamResponse:
        nonlocal arrived
        arrived += 1
        if arrived == count:
            everyone.set()
        await everyone.wait()
        return await success({**DONE, "output": str(json.loads(body)["chunkIndex"])})(request, body)

    async def run() -> list[WorkerResult]:
        async with lambda_api(wait_for_everyone) as api:
            adapter = AwsLambdaAdapter("chunks", endpoint_url=api.url, concurrency=count)
            jobs = (adapter.execute(a_job(chunk_id=n)) for n in range(count))
            return await asyncio.gather(*jobs)

    results = asyncio.run(run())

    assert [result.stdout for result in results] == [str(n) for n in range(count)]


def test_no_more_than_the_concurrency_are_under_way() -> None:
    under_way = 0
    most = 0
    three = asyncio.Event()

    async def note(request: web.Request, body: bytes) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most == 3:
            three.set()
        await three.wait()
        await asyncio.sleep(0.05)  # for a fourth one that might come
        under_way -= 1
        return await success(DONE)(request, body)

    async def run() -> None:
        async with lambda_api(note) as api:
            adapter = AwsLambdaAdapter("chunks", endpoint_url=api.url, concurrency=3)
            await asyncio.gather(*(adapter.execute(a_job(chunk_id=n)) for n in range(12)))

    asyncio.run(run())

    assert most == 3


def test_a_job_that_is_cancelled_before_its_turn_is_never_sent() -> None:
    async def run() -> list[Any]:
        release = asyncio.Event()

        async def wait(request: web.Request, body: bytes) -> web.StreamResponse:
            await release.wait()
            return await success(DONE)(request, body)

        async with lambda_api(wait) as api:
            adapter = AwsLambdaAdapter("chunks", endpoint_url=api.url, concurrency=1)
            first = asyncio.create_task(adapter.execute(a_job(chunk_id=1)))
            await api.called.wait()
            second = asyncio.create_task(adapter.execute(a_job(chunk_id=2)))
            third = asyncio.create_task(adapter.execute(a_job(chunk_id=3)))
            await asyncio.sleep(0)
            second.cancel()
            release.set()
            await asyncio.gather(first, third)
            with pytest.raises(asyncio.CancelledError):
                await second
            return [sent["chunkIndex"] for sent in api.payloads]

    assert asyncio.run(run()) == [1, 3]


def test_a_cancelled_invocation_takes_no_slot_of_another() -> None:
    async def run() -> WorkerResult:
        release = asyncio.Event()

        async def wait(request: web.Request, body: bytes) -> web.StreamResponse:
            if json.loads(body)["chunkIndex"] == 1:
                await release.wait()
            return await success(DONE)(request, body)

        async with lambda_api(wait) as api:
            adapter = AwsLambdaAdapter("chunks", endpoint_url=api.url, concurrency=1)
            slow = asyncio.create_task(adapter.execute(a_job(chunk_id=1)))
            await api.called.wait()
            slow.cancel()
            async with asyncio.timeout(60):
                result = await adapter.execute(a_job(chunk_id=2))
            release.set()
            return result

    assert asyncio.run(run()).stdout == "rendered"


#: Waits for an invocation that is never answered, and leaves when it is interrupted.
WAITING = """
import asyncio, signal, sys
from helios.contract.worker_job import Task, WorkerJob
from orchestrator.adapters.aws_lambda import AwsLambdaAdapter

# As in a foreground shell: jobs of a background one inherit that SIGINT is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
adapter = AwsLambdaAdapter("chunks", endpoint_url=sys.argv[1])
job = WorkerJob(command="helios", task=Task(job_path="s3://b/job.json", chunk_id=0))
asyncio.run(adapter.execute(job))
"""


def test_ctrl_c_doesnt_wait_for_the_functions_answer() -> None:
    async def run() -> None:
        async with lambda_api(silence) as api:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WAITING, api.url, stderr=subprocess.DEVNULL
            )
            await api.called.wait()
            process.send_signal(signal.SIGINT)
            await process.wait()

    asyncio.run(run())


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_a_connection_on_which_nothing_moves_is_probed_within_a_minute() -> None:
    async def run() -> tuple[int, float]:
        async with lambda_api(silence) as api:
            adapter = AwsLambdaAdapter("chunks", endpoint_url=api.url)
            task = asyncio.create_task(adapter.execute(a_job()))
            await api.called.wait()
            timer = _timer_towards(int(api.url.rpartition(":")[2]))
            task.cancel()
            return timer

    kind, seconds = asyncio.run(run())

    keep_alive = 2
    assert kind == keep_alive
    assert seconds < 60


def _timer_towards(port: int) -> tuple[int, float]:
    """Return which timer runs on the connection to a port of this machine, and its seconds."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, state, _, timer, *_ = line.split()
        if int(remote.rpartition(":")[2], 16) == port and state == "01":
            kind, ticks = timer.split(":")
            return int(kind, 16), int(ticks, 16) / os.sysconf("SC_CLK_TCK")
    raise AssertionError("no such connection")


def test_the_sdk_is_loaded_only_when_an_adapter_is_made() -> None:
    program = (
        "import sys; import orchestrator.adapters.aws_lambda;"
        "print('boto3' in sys.modules or 'botocore' in sys.modules)"
    )

    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert run.stdout.strip() == "False", run.stderr
