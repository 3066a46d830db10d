"""The service that signs and sends webhooks, under the real gunicorn."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from helios.records.job_outcome import JobOutcome, write_outcome
from helios.storage import open_storage
from helios.webhooks.events import verify
from sandbox.google.cloud_run import WEBHOOKS_SERVER
from sandbox.google.google_cloud import secret_version
from sandbox.google.identity.signing_key import CALLER
from sandbox.scripted_server import Reply, ScriptedServer
from tests.helios.worker_setup import make_spec
from tests.worker_cloudrun.conftest import CloudSite, Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud_run")]

SECRET = "of-receivers-and-this-service"
NAME = "projects/videos/secrets/hooks"


@pytest.fixture(scope="module")
def secrets() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    server.tell(secret_version(SECRET))
    yield server
    server.close()


@pytest.fixture(scope="module")
def service(cloud: CloudSite, secrets: ScriptedServer) -> Iterator[Service]:
    variables = {
        "HELIOS_WEBHOOK_SECRET_NAME": NAME,
        "HELIOS_SECRET_MANAGER_ENDPOINT": secrets.endpoint,
        "HELIOS_ALLOWED_CALLERS": CALLER,
        "HELIOS_ALLOW_PRIVATE_NETWORK": "1",
        "GOOGLE_APPLICATION_CREDENTIALS": str(cloud.tokens.service_account_file()),
    }
    with cloud.service(verify_callers=True, command=WEBHOOKS_SERVER, **variables) as running:
        yield running


def folder_of(cloud: CloudSite, *, execution: str = "render-abc") -> str:
    """Store a job whose render has ended; return the URL of its folder."""
    folder = cloud.put(make_spec(chunks=2, id="movie")).removesuffix("/job.json")
    now = datetime.now(UTC)
    facts = {"output": {"url": f"{folder}/output/v.mp4", "sha256": "a" * 64, "bytes": 5}}
    outcome = JobOutcome.model_validate(
        {
            **{"job_id": "movie", "status": "completed", "execution": execution},
            **{"started_at": now, "ended_at": now, **facts},
        }
    )

    async def store() -> None:
        storage = open_storage(folder, env=cloud.store.env)
        await write_outcome(storage, outcome)
        await storage.put_bytes("output/v.mp4", b"video")
        await storage.close()

    asyncio.run(store())
    return folder


def request(folder: str, receiver: ScriptedServer, **fields: Any) -> dict[str, Any]:
    wanted = {"folder": folder, "execution": "render-abc", "webhook": receiver.endpoint}
    return {**wanted, **fields}


def test_an_outcome_is_signed_with_a_link_that_works(
    cloud: CloudSite, service: Service, receiver: ScriptedServer
) -> None:
    folder = folder_of(cloud)
    assert service.ask("POST", body=request(folder, receiver, link=60)).status == 200
    (told,) = receiver.requests
    event = verify(told.headers, told.body, secret=SECRET)
    assert (event.type, event.job_id) == ("job.completed", "movie")
    assert (event.chunks_done, event.chunks_total) == (0, 2)
    assert event.link is not None, event.link_error
    with urllib.request.urlopen(event.link) as answer:
        assert answer.read() == b"video"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"folder": "gs://elsewhere/jobs/1"}, (403, "SOURCE_FORBIDDEN")),
        ({"execution": "another"}, (500, "JOB_NOT_FOUND")),
        ({"webhook": "ftp://example.com"}, (500, "OPTION_INVALID")),
        ({"webhook": ""}, (400, "INVOCATION_INVALID")),
        ({"link": float("nan")}, (400, "INVOCATION_INVALID")),
        ({"other": 1}, (400, "INVOCATION_INVALID")),
    ],
)
def test_what_cannot_be_sent_is_refused_and_nobody_hears_of_it(
    cloud: CloudSite,
    service: Service,
    receiver: ScriptedServer,
    fields: dict[str, Any],
    refusal: tuple[int, str],
) -> None:
    body = {**request(folder_of(cloud), receiver), **fields}
    refused = service.ask("POST", body=body)
    assert (refused.status, refused.code) == refusal
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff", 400),
        (b"[" * 5000, 400),
        (b'{"a":' * 90 + b"1" + b"}" * 90, 400),
        (b"[]", 400),
        (b" " * 2_000_000, 413),
    ],
)
def test_a_body_that_is_no_request_gets_a_typed_answer(
    service: Service, body: bytes, status: int
) -> None:
    answer = service.ask("POST", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == status
    assert answer.body["error"]["code"] in {"INVOCATION_INVALID", "PAYLOAD_TOO_LARGE"}


def test_a_body_of_another_type_gets_the_status_for_that(service: Service) -> None:
    answer = service.ask("POST", body=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.code) == (415, "INVOCATION_INVALID")


@pytest.mark.image
def test_only_the_account_of_tasks_may_call(
    cloud: CloudSite, service: Service, receiver: ScriptedServer
) -> None:
    body = request(folder_of(cloud), receiver)
    token = cloud.tokens.token(service.url, email="stranger@example.com")
    stranger = {"Authorization": f"Bearer {token}"}
    assert service.ask("POST", body=body, authorize=False).status == 401
    assert service.ask("POST", body=body, authorize=False, headers=stranger).status == 403
    assert receiver.requests == []


def test_a_receiver_that_refuses_is_told_to_the_caller(
    cloud: CloudSite, service: Service, receiver: ScriptedServer
) -> None:
    receiver.tell(Reply(410))
    answer = service.ask("POST", body=request(folder_of(cloud), receiver))
    assert (answer.status, answer.code) == (500, "WEBHOOK_UNDELIVERED")
    assert answer.body["error"]["retryable"] is True


def test_a_secret_that_may_not_be_read_is_told_by_its_name(
    cloud: CloudSite, service: Service, secrets: ScriptedServer, receiver: ScriptedServer
) -> None:
    secrets.tell(Reply(403))
    try:
        answer = service.ask("POST", body=request(folder_of(cloud), receiver))
    finally:
        secrets.tell(secret_version(SECRET))
    assert answer.status == 403
    assert f"secret {NAME}: status 403" in answer.body["error"]["message"]
    assert "secretAccessor" in answer.body["error"]["hint"]


def test_the_secret_and_tokens_of_receivers_are_in_no_log(
    cloud: CloudSite, service: Service, receiver: ScriptedServer
) -> None:
    webhook = f"{receiver.endpoint}/?key=of-receiver"
    sent = service.ask("POST", body=request(folder_of(cloud), receiver, webhook=webhook))
    assert sent.status == 200
    log = service.running.log()
    assert '"event": "webhook.sent"' in log
    assert json.dumps(SECRET)[1:-1] not in log
    assert "of-receiver" not in log.replace(SECRET, "")
