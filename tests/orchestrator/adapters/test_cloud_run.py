"""The adapter against servers that answer as Cloud Run and workers do, right and wrong.

tests/worker_cloudrun holds the tests with the real worker behind it.
"""

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.errors import HeliosError, InvocationInvalid, OptionInvalid
from orchestrator.adapters.cloud_run import NDJSON, CloudRunAdapter
from orchestrator.adapters.identity import IdentityTokens
from sandbox.google.identity.signing_key import SigningKey

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEY = SigningKey("test")
JOB = WorkerJob(command="helios", task=Task(job_path="gs://bucket/job.json", chunk_id=3, attempt=2))


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


def call(
    handler: Handler, *, job: WorkerJob = JOB, lines: list[str] | None = None, **options: Any
) -> WorkerResult:
    """Send one job to a server with this handler."""

    async def once() -> WorkerResult:
        async with serving(handler) as url, CloudRunAdapter(url, **options) as adapter:
            heard = None if lines is None else lambda _, text: lines.append(text)
            return await adapter.execute(job, on_output=heard)

    return asyncio.run(once())


def answering(status: int, body: object, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return handler


def streaming(*events: object) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        for event in events:
            await response.write(json.dumps(event).encode() + b"\n")
        return response

    return handler


def failure(handler: Handler, **options: Any) -> HeliosError:
    with pytest.raises(HeliosError) as caught:
        call(handler, **options)
    return caught.value


def an_identity() -> IdentityTokens:
    def fetch(audience: str) -> str:
        now = int(time.time())
        return KEY.sign({"aud": audience, "email": "me@example.com", "iat": now, "exp": now + 3600})

    return IdentityTokens(fetch)


def test_the_request_is_the_invocation() -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.content_type, await request.json()))
        return web.json_response({"exitCode": 0})

    call(handler)
    body = {"jobPath": "gs://bucket/job.json", "chunkIndex": 3, "attempt": 2}
    assert seen == [("POST", "application/json", body)]


def test_the_answer_comes_back_whole() -> None:
    result = call(
        answering(
            200,
            {
                "exitCode": 0,
                "stdout": "out",
                "stderr": "err",
                "durationMs": 1500,
                "artifact": {"url": "gs://bucket/0.mp4", "sha256": "ab", "bytes": 12},
            },
        )
    )
    assert (result.exit_code, result.stdout, result.stderr) == (0, "out", "err")
    assert result.duration_ms == 1500
    assert result.artifact is not None
    assert (result.artifact.url, result.artifact.bytes) == ("gs://bucket/0.mp4", 12)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_workers_own_error_comes_back_whole(status: int) -> None:
    error = {"code": "DISK_FULL", "message": "m", "retryable": False, "hint": "h"}
    result = call(answering(status, {"exitCode": 2, "stderr": "err", "error": error}))
    assert result.failure is not None
    assert (result.failure.code, result.failure.hint) == ("DISK_FULL", "h")
    assert result.stderr == "err"


def test_a_worker_with_only_the_original_fields_is_understood() -> None:
    done = call(answering(200, {"exitCode": 0, "output": "out", "stderr": ""}))
    assert (done.exit_code, done.stdout) == (0, "out")

    failed = call(answering(500, {"exitCode": 3, "stdout": "", "stderr": "boom"}))
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.retryable) == ("COMMAND_FAILED", True)

    refused = call(answering(400, {"message": "Missing jobPath"}))
    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.retryable) == ("INVOCATION_INVALID", False)

    broken = call(answering(500, {"message": "render failed"}))
    assert broken.failure is not None
    assert broken.failure.retryable


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, "ACCESS_DENIED", False),
        (403, "ACCESS_DENIED", False),
        (404, "WORKER_NOT_FOUND", False),
        (405, "INVOCATION_INVALID", False),
        (413, "PAYLOAD_TOO_LARGE", False),
        (429, "WORKER_THROTTLED", True),
        (500, "WORKER_CRASHED", True),
        (502, "WORKER_UNAVAILABLE", True),
        (503, "WORKER_UNAVAILABLE", True),
        (504, "TIMEOUT", True),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        "<html><head><style>b{}</style></head><body><h1>Error: it &amp; that</h1></body></html>",
        {"error": {"code": 1, "message": "it & that", "status": "X"}},
    ],
)
def test_what_cloud_run_itself_answers_is_told_apart(
    status: int, code: str, retryable: bool, body: object
) -> None:
    error = failure(answering(status, body))
    assert (error.code, error.retryable) == (code, retryable)
    assert str(status) in error.message
    assert "it & that" in error.details[0]
    assert "<" not in error.details[0]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "ACCESS_DENIED"), (404, "WORKER_NOT_FOUND"), (429, "WORKER_THROTTLED")],
)
def test_a_gateways_message_is_told_by_its_status(status: int, code: str) -> None:
    assert failure(answering(status, {"message": "no"})).code == code


def test_a_denial_names_the_account_and_the_role() -> None:
    error = failure(answering(403, "Forbidden"), tokens=an_identity())
    assert "me@example.com (audience http://127.0.0.1" in error.message
    assert "roles/run.invoker" in error.hint
    assert "without identity token" in failure(answering(403, "Forbidden")).message


def test_throttling_errors_have_the_time_to_wait() -> None:
    error = failure(answering(429, "Rate exceeded.", **{"Retry-After": "7"}))
    assert "again in 7 s" in error.message


def test_a_redirect_is_not_followed() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        raise web.HTTPFound("/login")

    error = failure(handler, tokens=an_identity())
    assert error.code == "WORKER_NOT_FOUND"
    assert "/login" in error.message
    assert seen == ["/"]


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "[]", "", '{"exitCode": "none"}', "{"])
def test_a_page_that_is_no_worker_is_refused(body: str) -> None:
    assert failure(answering(200, body)).code == "INVOCATION_INVALID"


def test_an_endless_answer_is_not_read_whole() -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 30:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    assert failure(handler).code == "PAYLOAD_TOO_LARGE"
    assert sent < 64 << 20


def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked_whole() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        packed = gzip.compress(b" " * (32 << 20))
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    assert failure(handler).code == "PAYLOAD_TOO_LARGE"


def test_an_answer_of_full_outputs_is_read() -> None:
    output = "\x01" * 65536
    answer = {"exitCode": 0, "stdout": output, "output": output, "stderr": output}
    assert len(json.dumps(answer)) > 1_000_000
    assert call(answering(200, answer)).stderr == output
    told = call(streaming({"type": "result", "status": 200, **answer}), lines=[])
    assert told.stdout == output


# --- connections -----------------------------------------------------------------------------


def test_a_service_that_refuses_connections_is_a_transient_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

    async def once() -> None:
        async with CloudRunAdapter(url) as adapter:
            await adapter.execute(JOB)

    with pytest.raises(HeliosError, match="can't be reached") as caught:
        asyncio.run(once())
    assert (caught.value.code, caught.value.retryable) == ("WORKER_UNAVAILABLE", True)


def test_a_request_whose_connection_breaks_is_not_sent_again() -> None:
    requests = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        # The first one makes the connection look like one that is kept open.
        if requests == 1:
            return web.json_response({"exitCode": 0})
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def twice() -> None:
        async with serving(handler) as url, CloudRunAdapter(url) as adapter:
            await adapter.execute(JOB)
            with pytest.raises(HeliosError, match="connection broke") as caught:
                await adapter.execute(JOB)
            assert (caught.value.code, caught.value.retryable) == ("WORKER_UNAVAILABLE", True)

    asyncio.run(twice())
    assert requests == 2


def test_an_answer_that_is_cut_short_can_be_tried_again() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"exitCode": 0')
        assert request.transport is not None
        request.transport.close()
        return response

    error = failure(handler)
    assert (error.code, error.retryable) == ("WORKER_UNAVAILABLE", True)


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    return web.Response()


def test_the_jobs_time_limit_is_kept() -> None:
    job = WorkerJob(command="helios", task=JOB.task, timeout=0.2)
    error = failure(never, job=job)
    assert (error.code, error.retryable) == ("TIMEOUT", True)


async def told_to_be_alive(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": NDJSON})
    await response.prepare(request)
    while True:
        await response.write(b'{"type": "alive"}\n')
        await asyncio.sleep(0.05)


def test_the_jobs_time_limit_is_kept_while_lines_come() -> None:
    job = WorkerJob(command="helios", task=JOB.task, timeout=0.3)
    assert failure(told_to_be_alive, job=job, lines=[]).code == "TIMEOUT"


def test_a_request_has_a_limit_without_the_jobs() -> None:
    assert failure(never, request_timeout=0.2).code == "TIMEOUT"


def test_cancelling_breaks_the_request_off() -> None:
    async def cancel() -> None:
        began, broken = asyncio.Event(), asyncio.Event()

        async def handler(_: web.Request) -> web.StreamResponse:
            began.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                broken.set()
                raise
            return web.Response()

        async with serving(handler) as url, CloudRunAdapter(url) as adapter:
            call = asyncio.ensure_future(adapter.execute(JOB))
            await began.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(broken.wait(), timeout=60)

    asyncio.run(cancel())


def test_connections_are_kept_and_as_many_as_there_are_jobs_at_once() -> None:
    peers: list[object] = []

    async def rounds() -> None:
        together = asyncio.Barrier(200)

        async def handler(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            peers.append(request.transport.get_extra_info("peername"))
            await together.wait()
            return web.json_response({"exitCode": 0})

        async with serving(handler) as url, CloudRunAdapter(url) as adapter:
            for _ in range(3):
                results = await asyncio.gather(*(adapter.execute(JOB) for _ in range(200)))
                assert all(result.exit_code == 0 for result in results)

    asyncio.run(rounds())
    assert len(peers) == 600
    assert len(set(peers)) == 200


# --- identity --------------------------------------------------------------------------------


def test_a_token_goes_where_cloud_run_and_where_the_worker_looks() -> None:
    seen: list[tuple[str | None, str | None]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        seen.append((headers.get("Authorization"), headers.get("X-Serverless-Authorization")))
        return web.json_response({"exitCode": 0})

    call(handler, tokens=an_identity())
    call(handler)
    (one, other), without = seen
    assert one == other
    assert one is not None
    assert KEY.verify(one.removeprefix("Bearer "))["aud"].startswith("http://127.0.0.1:")
    assert without == (None, None)


def test_the_audience_can_be_a_custom_one() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        seen.append(KEY.verify(token)["aud"])
        return web.json_response({"exitCode": 0})

    call(handler, tokens=an_identity(), audience="https://custom.example")
    assert seen == ["https://custom.example"]


def test_a_token_is_fetched_again_after_it_was_refused() -> None:
    fetched = 0

    def fetch(audience: str) -> str:
        nonlocal fetched
        fetched += 1
        return KEY.sign({"aud": audience, "exp": int(time.time()) + 3600})

    async def refused() -> None:
        tokens = IdentityTokens(fetch)
        async with (
            serving(answering(401, "Unauthorized")) as url,
            CloudRunAdapter(url, tokens=tokens) as adapter,
        ):
            for _ in range(2):
                with pytest.raises(HeliosError):
                    await adapter.execute(JOB)

    asyncio.run(refused())
    assert fetched == 2


@pytest.mark.parametrize("url", ["", "worker.run.app", "ftp://x", "https://", "http://[x"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(OptionInvalid, match="service URL"):
        CloudRunAdapter(url)


def test_a_token_never_travels_unencrypted() -> None:
    with pytest.raises(OptionInvalid, match="send the identity token unencrypted"):
        CloudRunAdapter("http://worker.example", tokens=an_identity())
    CloudRunAdapter("http://worker.example")
    CloudRunAdapter("http://localhost:8080", tokens=an_identity())


@pytest.mark.parametrize(
    "task",
    [
        None,
        Task(job_path="", chunk_id=0),
        Task(job_path="x", chunk_id="first"),  # type: ignore[arg-type]
    ],
)
def test_a_job_that_names_no_chunk_is_refused(task: Task | None) -> None:
    with pytest.raises(InvocationInvalid):
        call(answering(200, {}), job=WorkerJob(command="helios", task=task))


# --- progress --------------------------------------------------------------------------------


def test_lines_are_heard_while_the_worker_works() -> None:
    async def both() -> None:
        heard = asyncio.Event()
        accepted: list[str | None] = []

        async def handler(request: web.Request) -> web.StreamResponse:
            accepted.append(request.headers.get("Accept"))
            response = web.StreamResponse(headers={"Content-Type": NDJSON})
            await response.prepare(request)
            line = {"type": "output", "stream": "stderr", "text": "progress frame=1"}
            await response.write(json.dumps(line).encode() + b"\n")
            await asyncio.wait_for(heard.wait(), timeout=60)
            await response.write(b'{"type": "result", "status": 500, "exitCode": 7}\n')
            return response

        lines: list[tuple[str, str]] = []

        def on_output(stream: str, text: str) -> None:
            lines.append((stream, text))
            heard.set()

        async with serving(handler) as url, CloudRunAdapter(url) as adapter:
            result = await adapter.execute(JOB, on_output=on_output)
        assert result.exit_code == 7
        assert lines == [("stderr", "progress frame=1")]
        assert accepted[0] is not None
        assert NDJSON in accepted[0]

    asyncio.run(both())


def test_progress_is_asked_for_only_where_it_is_wanted() -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Accept"))
        return web.json_response({"exitCode": 0})

    call(handler)
    call(handler, lines=[], progress=False)
    assert seen == ["application/json", "application/json"]


def test_lines_that_are_not_understood_are_passed_over() -> None:
    lines: list[str] = []
    result = call(
        streaming(
            {"type": "alive"},
            "text",
            {"type": "output", "stream": "stdout", "text": "a"},
            {"later": 1},
            {"type": "result", "status": 200, "exitCode": 0, "stdout": "a"},
        ),
        lines=lines,
    )
    assert (result.exit_code, result.stdout, lines) == (0, "a", ["a"])


def test_an_answer_that_ends_without_result_is_a_crash() -> None:
    error = failure(streaming({"type": "output", "stream": "stdout", "text": "a"}), lines=[])
    assert (error.code, error.retryable) == ("WORKER_CRASHED", True)


def test_a_worker_that_falls_silent_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.adapters.cloud_run_response._SILENCE", 0.2)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        await response.write(b'{"type": "alive"}\n')
        await asyncio.sleep(60)
        return response

    error = failure(handler, lines=[])
    assert (error.code, error.retryable) == ("WORKER_UNAVAILABLE", True)


def test_a_line_without_end_is_not_read_whole() -> None:
    sent = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        while sent < 1 << 30:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    assert failure(handler, lines=[]).code == "PAYLOAD_TOO_LARGE"
    assert sent < 64 << 20


@pytest.mark.parametrize(
    "answer",
    [
        answering(503, "no instance"),
        answering(500, {"exitCode": 1, "error": {"code": "RENDER_FAILED", "message": "no"}}),
    ],
    ids=["of Cloud Run", "of the worker"],
)
def test_a_failure_leads_to_the_log_lines_of_its_request(answer: Handler) -> None:
    traces: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        traces.append(request.headers["Traceparent"].split("-")[1])
        return await answer(request)

    try:
        result = call(handler)
        assert result.error is not None and result.error.worker is not None
        assert result.error.worker["trace"] == traces[0]
        details = result.error.details or []
    except HeliosError as fault:
        details = list(fault.details)
    assert len(traces[0]) == 32
    assert details[-1].startswith("Cloud Logging: https://console.cloud.google.com/logs/query")
    assert f"traces%2F{traces[0]}" in details[-1]
