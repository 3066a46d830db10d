import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

from helios.contract.worker_job import Task, WorkerJob, WorkerResult
from helios.records.chunk_record import ChunkRecord
from orchestrator.adapters.cloud_run import CloudRunAdapter
from orchestrator.adapters.identity import IdentityTokens
from sandbox.google.identity.signing_key import CALLER, SigningKey
from tests.helios.worker_setup import drawing, make_spec
from tests.worker_cloudrun.conftest import CloudSite, Service, slow

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud_run")]

Start = Callable[..., AbstractContextManager[Service]]


def chunk_job(job_path: str, chunk: int = 0, *, timeout: float | None = None) -> WorkerJob:
    return WorkerJob(
        command="helios", task=Task(job_path=job_path, chunk_id=chunk), timeout=timeout
    )


def render(adapter: CloudRunAdapter, job: WorkerJob, **options: Any) -> WorkerResult:
    async def once() -> WorkerResult:
        async with adapter:
            return await adapter.execute(job, **options)

    return asyncio.run(once())


def asleep(seconds: float) -> list[psutil.Process]:
    """Return the processes that sleep for this (odd) number of seconds."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-2:] == ["sleep", str(seconds)]:
            found.append(process)
    return found


def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


@contextmanager
def rendering(service: Service, job: WorkerJob, *, sleep: float) -> Iterator[list[Any]]:
    """Render in the background; its result or error is in the list once the block is left."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(render(service.adapter(), job))
        except Exception as fault:
            outcome.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        until(lambda: asleep(sleep))
        yield outcome
    finally:
        thread.join()


# --- a chunk -----------------------------------------------------------------------------------


@pytest.mark.image
def test_a_chunk_is_rendered_for_a_caller_with_a_token_and_stored(
    cloud: CloudSite, worker: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cloud.tokens.service_account_file()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    result = render(worker.adapter(tokens=IdentityTokens()), chunk_job(cloud.put(), 1))
    assert result.exit_code == 0, result.stderr
    assert result.artifact is not None
    stored = cloud.get(result.artifact.url)
    assert sha256(stored).hexdigest() == result.artifact.sha256
    record = ChunkRecord.parse(cloud.get(result.artifact.url.removesuffix("mp4") + "json"))
    assert record is not None
    assert record.artifact == result.artifact
    assert record.worker["service"] == "worker"


@pytest.mark.image
def test_a_failed_command_comes_back_whole(cloud: CloudSite, worker: Service) -> None:
    job = cloud.put(make_spec(["sh -c 'echo out; echo err >&2; exit 7'"]))
    result = render(worker.adapter(), chunk_job(job))
    assert result.exit_code == 7
    assert (result.stdout, result.stderr) == ("out\n", "err\n")
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("COMMAND_FAILED", True)


@pytest.mark.image
def test_a_client_with_only_the_original_fields_is_served(
    cloud: CloudSite, worker: Service
) -> None:
    reply = worker.ask("POST", body={"jobPath": cloud.put(), "chunkIndex": 0})
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body["exitCode"] == 0
    assert isinstance(reply.body["stdout"], str)
    assert isinstance(reply.body["stderr"], str)

    failed = cloud.put(make_spec(["sh -c 'exit 3'"]))
    reply = worker.ask("POST", body={"jobPath": failed, "chunkIndex": 0})
    assert (reply.status, reply.body["exitCode"]) == (500, 3)


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ({"chunkIndex": 0}, 400, "INVOCATION_INVALID"),
        ({"jobPath": "", "chunkIndex": 0}, 400, "INVOCATION_INVALID"),
        ({"jobPath": "gs://renders/x"}, 400, "INVOCATION_INVALID"),
        ({"jobPath": "gs://renders/x", "chunkIndex": -1}, 400, "INVOCATION_INVALID"),
        ([], 400, "INVOCATION_INVALID"),
        (b"{", 400, "INVOCATION_INVALID"),
        (b"", 400, "INVOCATION_INVALID"),
        (b"\xff", 400, "INVOCATION_INVALID"),
        (b"[" * 100_000, 400, "INVOCATION_INVALID"),
        (b'{"jobPath": "gs://r/x", "chunkIndex": NaN}', 400, "INVOCATION_INVALID"),
        (b'{"jobPath": "gs://r/x", "chunkIndex": 0, "x": -Infinity}', 400, "INVOCATION_INVALID"),
        (b'{"jobPath": "gs://r/x", "chunkIndex": 0, "x": 1e999}', 400, "INVOCATION_INVALID"),
        (
            b'{"jobPath": "gs://r/x", "chunkIndex": 0, "x": %b}' % (b"[" * 100 + b"]" * 100),
            400,
            "INVOCATION_INVALID",
        ),
        ('{"jobPath": "gs://r/x", "chunkIndex": 0}'.encode("utf-16"), 400, "INVOCATION_INVALID"),
        ({"jobPath": "gs://elsewhere/job.json", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "/etc/passwd", "chunkIndex": 0}, 403, "SOURCE_FORBIDDEN"),
        ({"jobPath": "gs://renders/renders/none", "chunkIndex": 0}, 404, "JOB_SPEC_NOT_FOUND"),
    ],
)
def test_a_request_that_can_never_work_says_why(
    worker: Service, payload: object, status: int, code: str
) -> None:
    reply = worker.ask("POST", body=payload)
    assert (reply.status, reply.code) == (status, code)
    assert reply.body["exitCode"] != 0
    assert not reply.body["error"]["retryable"]


def test_a_chunk_that_the_job_lacks_is_not_found(cloud: CloudSite, worker: Service) -> None:
    reply = worker.ask("POST", body={"jobPath": cloud.put(), "chunkIndex": 99})
    assert (reply.status, reply.code) == (404, "CHUNK_NOT_FOUND")


# --- methods, paths, types, sizes ----------------------------------------------------------------


@pytest.mark.image
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(worker: Service, method: str) -> None:
    reply = worker.ask(method)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.image
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_need_no_token(worker: Service, path: str) -> None:
    assert worker.ask("GET", path, authorize=False).status == 200
    assert worker.ask("HEAD", path, authorize=False).status == 200
    reply = worker.ask("POST", path, body={})
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


def test_nothing_is_elsewhere(worker: Service) -> None:
    assert worker.ask("POST", "/admin", body={}).status == 404
    assert worker.ask("GET", "/../../etc/passwd").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "gzip"},
    ],
)
def test_other_types_are_refused(worker: Service, headers: dict[str, str]) -> None:
    reply = worker.ask("POST", body={"jobPath": "x", "chunkIndex": 0}, headers=headers)
    assert (reply.status, reply.code) == (415, "INVOCATION_INVALID")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/x+json", ""])
def test_json_is_taken_by_any_of_its_names(worker: Service, kind: str) -> None:
    headers = {"Content-Type": kind}
    reply = worker.ask("POST", body={"jobPath": "/x", "chunkIndex": 0}, headers=headers)
    assert reply.code == "SOURCE_FORBIDDEN"


def head(worker: Service, *lines: str) -> bytes:
    assert worker.tokens is not None
    token = f"Authorization: Bearer {worker.tokens.token(worker.url)}"
    kind = "Content-Type: application/json"
    return "\r\n".join(["POST / HTTP/1.1", "Host: x", token, kind, *lines, "", ""]).encode()


def connected(service: Service) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def status_line(connection: socket.socket) -> bytes:
    return connection.makefile("rb").readline()


@pytest.mark.image
def test_a_body_over_the_limit_is_refused_before_it_is_sent(worker: Service) -> None:
    with connected(worker) as connection:
        connection.sendall(head(worker, "Content-Length: 10000000000"))
        assert b" 413 " in status_line(connection)


def test_a_body_of_unknown_length_is_read_up_to_the_limit(worker: Service) -> None:
    with connected(worker) as connection:
        connection.sendall(head(worker, "Transfer-Encoding: chunked"))
        block = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(17):
            connection.sendall(block)
        assert b" 413 " in status_line(connection)


def test_a_body_of_unknown_length_is_taken(worker: Service) -> None:
    body = b'{"jobPath": "/x", "chunkIndex": 0}'
    with connected(worker) as connection:
        connection.sendall(head(worker, "Transfer-Encoding: chunked", "Connection: close"))
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert b" 403 " in status_line(connection)


@pytest.mark.parametrize(
    ("length", "body"),
    [
        ("Content-Length: 100", b"{"),
        ("Transfer-Encoding: chunked", b"5\r\n{"),
        ("Transfer-Encoding: chunked", b"-5\r\n{}"),
        ("Transfer-Encoding: chunked", b"zz\r\n{}"),
    ],
)
def test_a_body_that_is_cut_short_or_broken_is_refused(
    worker: Service, length: str, body: bytes
) -> None:
    with connected(worker) as connection:
        connection.sendall(head(worker, length) + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b'"code": "INVOCATION_INVALID"' in answer


@pytest.mark.parametrize("length", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_that_trickles_in_is_cut_off(start: Start, length: str) -> None:
    with start(HELIOS_BODY_TIMEOUT="1") as service, connected(service) as connection:
        lines = ["POST / HTTP/1.1", "Host: x", "Content-Type: application/json", length, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        began = time.monotonic()
        connection.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() < began + 20:
            connection.sendall(b"1\r\n \r\n" if "chunked" in length else b" ")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(12)
        assert answer == b"HTTP/1.1 408"
        assert time.monotonic() - began > 0.9


# --- who calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["none", "forged", "expired", "audience", "issuer", "basic"])
def test_a_caller_without_a_good_token_is_rejected(worker: Service, wrong: str) -> None:
    tokens = worker.tokens
    assert tokens is not None
    header = {
        "none": None,
        "forged": f"Bearer {tokens.token(worker.url, key=SigningKey(tokens.key.key_id))}",
        "expired": f"Bearer {tokens.token(worker.url, age=4000)}",
        "audience": f"Bearer {tokens.token('https://other.run.app')}",
        "issuer": f"Bearer {tokens.token(worker.url, issuer='https://evil.example')}",
        "basic": "Basic dXNlcjpwYXNzd29yZA==",
    }[wrong]
    headers = {} if header is None else {"Authorization": header}
    reply = worker.ask("POST", body={"jobPath": "x"}, headers=headers, authorize=False)
    assert (reply.status, reply.code) == (401, "CALLER_REJECTED")
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert not reply.body["error"]["retryable"]
    refused = worker.running.log().splitlines()[-1]
    assert '"status": 401' in refused
    assert header is None or header.split()[1] not in worker.running.log()


@pytest.mark.image
@pytest.mark.parametrize("wrong", ["forged", "expired", "audience"])
def test_the_adapter_tells_that_its_token_was_rejected(
    cloud: CloudSite, worker: Service, wrong: str
) -> None:
    def fetch(audience: str) -> str:
        if wrong == "forged":
            return cloud.tokens.token(audience, key=SigningKey("forged"))
        if wrong == "audience":
            return cloud.tokens.token(audience + "/other")
        return cloud.tokens.token(audience, age=4000)

    result = render(worker.adapter(tokens=IdentityTokens(fetch)), chunk_job("gs://x/job.json"))
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("CALLER_REJECTED", False)


def test_a_caller_is_rejected_before_a_body_is_read(worker: Service) -> None:
    with connected(worker) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert b" 401 " in status_line(connection)


def test_only_listed_accounts_may_call(start: Start, cloud: CloudSite) -> None:
    with start(verify_callers=True, HELIOS_ALLOWED_CALLERS=f"a@b.example, {CALLER}") as service:
        body = {"jobPath": "/x", "chunkIndex": 0}
        assert service.ask("POST", body=body).code == "SOURCE_FORBIDDEN"
        other = f"Bearer {cloud.tokens.token(service.url, email='other@b.example')}"
        reply = service.ask("POST", body=body, headers={"Authorization": other})
        assert (reply.status, reply.code) == (403, "ACCESS_DENIED")


def test_a_token_is_renewed_before_it_expires(cloud: CloudSite, worker: Service) -> None:
    fetched: list[str] = []

    def fetch(audience: str) -> str:
        fetched.append(cloud.tokens.token(audience, lifetime=2))
        return fetched[-1]

    job = chunk_job(cloud.put())

    async def over_time() -> None:
        async with worker.adapter(tokens=IdentityTokens(fetch)) as adapter:
            for _ in range(4):
                result = await adapter.execute(job)
                assert result.exit_code == 0, result.stderr
                await asyncio.sleep(1.1)

    asyncio.run(over_time())
    assert len(set(fetched)) >= 3


#: google-auth reads where the metadata server is when it is imported: a process of its own.
ON_GOOGLE_CLOUD = """
import asyncio, sys
from helios.contract.worker_job import Task, WorkerJob
from orchestrator.adapters.cloud_run import CloudRunAdapter
from orchestrator.adapters.identity import IdentityTokens

async def main():
    async with CloudRunAdapter(sys.argv[1], tokens=IdentityTokens()) as adapter:
        task = Task(job_path=sys.argv[2], chunk_id=0)
        result = await adapter.execute(WorkerJob(command="helios", task=task))
        print(result.exit_code, result.stderr)

asyncio.run(main())
"""


def test_an_orchestrator_on_google_cloud_calls_by_its_metadata_server(
    cloud: CloudSite, worker: Service
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_GOOGLE_CLOUD, worker.url, cloud.put()],
        env={"PATH": os.environ["PATH"], **cloud.tokens.metadata_env(), "HOME": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("0 "), done.stdout + done.stderr
    assert ("metadata", worker.url) in cloud.tokens.issued


# --- progress -------------------------------------------------------------------------------------


@pytest.mark.image
def test_lines_are_heard_while_the_chunk_renders(cloud: CloudSite, worker: Service) -> None:
    job = cloud.put(make_spec([slow(5.011)]))
    heard: list[tuple[str, str]] = []

    def on_output(stream: str, text: str) -> None:
        # The command still has to sleep.
        until(lambda: asleep(5.011), seconds=4.9)
        heard.append((stream, text))

    result = render(worker.adapter(), chunk_job(job), on_output=on_output)
    assert result.exit_code == 0, result.stderr
    assert result.artifact is not None
    assert result.stdout == "begun\n"
    assert heard == [("stdout", "begun")]


def test_a_stream_is_lines_of_json_that_end_with_the_result(
    cloud: CloudSite, worker: Service
) -> None:
    job = cloud.put(make_spec(["sh -c 'echo one; exit 9'"]))
    headers = {"Accept": "application/x-ndjson"}
    reply = worker.ask("POST", body={"jobPath": job, "chunkIndex": 0}, headers=headers)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-ndjson")
    *lines, result = [json.loads(line) for line in reply.text.splitlines()]
    assert lines == [{"type": "output", "stream": "stdout", "text": "one"}]
    assert (result["type"], result["status"], result["exitCode"]) == ("result", 500, 9)
    assert result["error"]["code"] == "COMMAND_FAILED"


def test_a_refusal_is_never_a_stream(worker: Service) -> None:
    headers = {"Accept": "application/x-ndjson"}
    reply = worker.ask("POST", body={}, headers=headers)
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/json")


def test_a_flood_of_lines_comes_through(cloud: CloudSite, worker: Service) -> None:
    job = cloud.put(make_spec([f"sh -c 'seq 5000; {drawing(0, 'chunks/00000.mp4')}'"], chunks=1))
    lines: list[str] = []
    result = render(worker.adapter(), chunk_job(job), on_output=lambda _, text: lines.append(text))
    assert result.exit_code == 0, result.stderr
    assert lines[:5000] == [str(n) for n in range(1, 5001)]


# --- several at once ------------------------------------------------------------------------------


@pytest.mark.image
def test_one_render_at_a_time_unless_told_otherwise(cloud: CloudSite, worker: Service) -> None:
    job = cloud.put(make_spec([slow(2.012)]))
    with rendering(worker, chunk_job(job), sleep=2.012) as outcome:
        reply = worker.ask("POST", body={"jobPath": job, "chunkIndex": 0})
        assert (reply.status, reply.code) == (429, "WORKER_THROTTLED")
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.body["error"]["retryable"]
        streamed = worker.ask(
            "POST",
            body={"jobPath": job, "chunkIndex": 0},
            headers={"Accept": "application/x-ndjson"},
        )
        assert streamed.status == 429
        throttled = render(worker.adapter(), chunk_job(job))
        assert throttled.failure is not None
        assert throttled.failure.code == "WORKER_THROTTLED"
        assert worker.ask("GET", "/healthz").status == 200
        # A request that can never work is told so whether or not there is room.
        assert worker.ask("POST", body={}).status == 400
        assert outcome == []
    assert outcome[0].exit_code == 0, outcome[0]
    assert worker.ask("POST", body={"jobPath": job, "chunkIndex": 0}).status == 200


def test_as_many_as_configured_render_at_once(start: Start, cloud: CloudSite) -> None:
    job = cloud.put(make_spec([slow(1.013), slow(1.013, chunk=1)]))
    most = 0

    async def both(service: Service) -> list[WorkerResult]:
        nonlocal most
        async with service.adapter() as adapter:
            calls = [
                asyncio.ensure_future(adapter.execute(chunk_job(job, number)))
                for number in range(2)
            ]
            while not all(call.done() for call in calls):
                most = max(most, len(await asyncio.to_thread(asleep, 1.013)))
                await asyncio.sleep(0.05)
            return [call.result() for call in calls]

    with start(HELIOS_CONCURRENCY="2") as service:
        results = asyncio.run(both(service))
    assert [result.exit_code for result in results] == [0, 0]
    assert most == 2


@pytest.mark.proof
@pytest.mark.slow
def test_500_requests_at_once_are_all_answered(start: Start, cloud: CloudSite) -> None:
    job = cloud.put()

    async def many(service: Service) -> list[WorkerResult]:
        async with service.adapter() as adapter:
            # Nothing is left to be done for a chunk that is in storage.
            first = await adapter.execute(chunk_job(job))
            assert first.exit_code == 0, first.stderr
            jobs = [adapter.execute(chunk_job(job)) for _ in range(500)]
            return await asyncio.gather(*jobs)

    with start(HELIOS_CONCURRENCY="500", verify_callers=True) as service:
        results = asyncio.run(many(service))
    assert [result.exit_code for result in results] == [0] * 500
    assert len({result.artifact.sha256 for result in results if result.artifact}) == 1


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [False, True])
def test_a_render_whose_caller_goes_is_ended(
    cloud: CloudSite, worker: Service, progress: bool
) -> None:
    seconds = 60.014 if progress else 61.014
    job = chunk_job(cloud.put(make_spec([slow(seconds)])))

    async def give_up() -> None:
        async with worker.adapter() as adapter:
            listener = (lambda *_: None) if progress else None
            call = asyncio.ensure_future(adapter.execute(job, on_output=listener))
            while not await asyncio.to_thread(asleep, seconds):
                assert not call.done(), call.result()
                await asyncio.sleep(0.02)
            call.cancel()
            await asyncio.wait([call])

    asyncio.run(give_up())
    until(lambda: not asleep(seconds))
    until(lambda: worker.events()[-1]["event"] == "invocation.cancelled")
    assert worker.events()[-1]["code"] == "CANCELLED"
    # There is room again.
    until(lambda: worker.ask("POST", body={"jobPath": "/x", "chunkIndex": 0}).status == 403)


@pytest.mark.image
def test_a_chunk_that_can_finish_in_time_does(start: Start, cloud: CloudSite) -> None:
    job = chunk_job(cloud.put(make_spec([slow(2.015)])))
    with start() as service:
        with rendering(service, job, sleep=2.015) as outcome:
            service.running.terminate()
            until(lambda: "Handling signal: term" in service.running.log())
        assert outcome[0].exit_code == 0, outcome[0]
        assert outcome[0].artifact is not None
        assert service.running.process.wait(60) == 0


@pytest.mark.image
def test_a_chunk_that_cannot_is_ended_and_may_be_tried_again(
    start: Start, cloud: CloudSite
) -> None:
    job = chunk_job(cloud.put(make_spec([slow(60.016)])))
    with start(HELIOS_SHUTDOWN_GRACE="12") as service:
        with rendering(service, job, sleep=60.016) as outcome:
            began = time.monotonic()
            service.running.terminate()
        assert time.monotonic() - began < 12
        result = outcome[0]
        assert result.failure is not None, result
        assert (result.failure.code, result.failure.retryable) == ("WORKER_UNAVAILABLE", True)
        assert "shutting down" in result.failure.message
        assert asleep(60.016) == []
        assert service.running.process.wait(60) == 0


@pytest.mark.image
def test_a_worker_that_ends_takes_nothing_new(start: Start, cloud: CloudSite) -> None:
    job = chunk_job(cloud.put(make_spec([slow(8.017)])))
    with start(HELIOS_CONCURRENCY="2", HELIOS_SHUTDOWN_GRACE="30") as service:
        # A connection that is open already is still served.
        connection = service.connect()
        connection.request("GET", "/readyz")
        connection.getresponse().read()
        with rendering(service, job, sleep=8.017) as outcome:
            service.running.terminate()
            until(lambda: "Handling signal: term" in service.running.log())
            time.sleep(0.2)
            body = json.dumps({"jobPath": job.meta["jobPath"], "chunkIndex": 0})
            connection.request("POST", "/", body=body)
            reply = connection.getresponse()
            assert reply.status == 503
            error = json.loads(reply.read())["error"]
            assert (error["code"], error["retryable"]) == ("WORKER_UNAVAILABLE", True)
        assert outcome[0].exit_code == 0, outcome[0]


def test_a_worker_process_that_dies_is_told_and_replaced(start: Start, cloud: CloudSite) -> None:
    job = chunk_job(cloud.put(make_spec([slow(60.018)])))
    with start() as service:
        with rendering(service, job, sleep=60.018) as outcome:
            (process,) = psutil.Process(service.running.process.pid).children()
            process.send_signal(signal.SIGKILL)
        for stray in asleep(60.018):
            stray.kill()
        assert (outcome[0].code, outcome[0].retryable) == ("WORKER_UNAVAILABLE", True)
        until(lambda: b"200" in _health(service))


def _health(service: Service) -> bytes:
    try:
        with connected(service) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return status_line(connection)
    except OSError:
        return b""


# --- surroundings ---------------------------------------------------------------------------------


def test_log_lines_belong_to_the_requests_trace(cloud: CloudSite, worker: Service) -> None:
    trace = "0123456789abcdef0123456789abcdef"
    job = cloud.put()
    headers = {"X-Cloud-Trace-Context": f"{trace}/255;o=1"}
    worker.ask("POST", body={"jobPath": job, "chunkIndex": 0, "attempt": 2}, headers=headers)
    lines = [event for event in worker.events() if event.get("job") == job]
    assert [line["event"] for line in lines][-1] == "invocation.ended"
    for line in lines:
        assert line["logging.googleapis.com/trace"] == f"projects/sandbox/traces/{trace}"
        assert line["logging.googleapis.com/spanId"] == "00000000000000ff"
        assert line["logging.googleapis.com/trace_sampled"] is True
        assert (line["chunk"], line["attempt"], line["caller"]) == (0, 2, CALLER)
        assert line["severity"] == "INFO"
    assert "Bearer" not in worker.running.log()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HELIOS_CONCURRENCY", "0"),
        ("HELIOS_SHUTDOWN_GRACE", "soon"),
        ("HELIOS_MAX_REQUEST_BYTES", "-1"),
        ("HELIOS_BODY_TIMEOUT", "nan"),
        ("CLOUD_RUN_TIMEOUT_SECONDS", "1h"),
    ],
)
def test_a_worker_with_a_wrong_setting_does_not_start(
    start: Start, variable: str, value: str
) -> None:
    told = rf"error\[OPTION_INVALID\]: {variable}: '{value}'"
    with pytest.raises(RuntimeError, match=told), start(**{variable: value}):
        pass


@pytest.mark.long
def test_a_request_ends_before_the_platforms_time_is_up(start: Start, cloud: CloudSite) -> None:
    job = chunk_job(cloud.put(make_spec([slow(60.019)])))
    with start(CLOUD_RUN_TIMEOUT_SECONDS="12") as service:
        began = time.monotonic()
        result = render(service.adapter(), job)
        assert time.monotonic() - began < 12
    assert result.failure is not None
    assert (result.failure.code, result.failure.retryable) == ("TIMEOUT", True)


def test_the_same_source_is_a_function(start: Start, cloud: CloudSite) -> None:
    command = (
        *("functions-framework", "--target", "handle", "--host", "127.0.0.1"),
        *("--port", "{port}", "--source", str(Path("worker_cloudrun", "main.py").absolute())),
    )
    with start(command=command, verify_callers=True) as service:
        result = render(service.adapter(), chunk_job(cloud.put()))
        assert result.exit_code == 0, result.stderr
        assert service.ask("POST", body={}, authorize=False).status == 401
        reply = service.ask("GET")
        assert (reply.status, reply.headers["Allow"]) == (405, "POST")
        with connected(service) as connection:
            connection.sendall(head(service, "Content-Length: 10000000000"))
            assert b" 413 " in status_line(connection)
        heard: list[str] = []
        result = render(
            service.adapter(),
            chunk_job(cloud.put(make_spec([slow(0.02)]))),
            on_output=lambda _, text: heard.append(text),
        )
        assert result.exit_code == 0, result.stderr
        assert heard[0] == "begun"
