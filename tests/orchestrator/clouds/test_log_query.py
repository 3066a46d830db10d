"""Log lines of a render: what selects them, and where consoles show them."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials

from orchestrator.clouds.google import LOGGING_ENDPOINT, GoogleCalls
from orchestrator.clouds.google_logs import task_log
from orchestrator.clouds.log_query import LogQuery, log_link, requests_of
from orchestrator.model.deployment import CloudRunWorkers
from sandbox.scripted_server import Received, Reply, ScriptedServer
from tests.orchestrator.stacks import aws_stack

SINCE = datetime(2026, 1, 2, 3, tzinfo=UTC)
REQUEST = "8f5d7fe0-1111-4222-8333-0123456789ab"
JOB = "projects/p/locations/europe-west1/jobs/helios-worker"
STACK = aws_stack(chunk_log_group="Helios-Chunk")
WORKERS = CloudRunWorkers(
    project="p",
    region="europe-west1",
    name="helios-worker",
    artifacts="gs://bucket",
    service_url="https://w.run.app",
    job=JOB,
    cpu=4,
    memory_gib=8,
    max_concurrency=100,
)


def query(**more: object) -> LogQuery:
    known = {"job_path": "s3://bucket/jobs/film/job.json", "since": SINCE, "until": SINCE}
    return LogQuery(**(known | more))  # type: ignore[arg-type]


def insights(link: str) -> str:
    """Return what a link to Logs Insights asks for."""
    detail = urlsplit(link).fragment.partition("$3D")[2]
    return unquote(detail.replace("*", "%"))


def test_a_failure_is_linked_by_its_request() -> None:
    link = log_link(STACK, query(), worker={"requestId": REQUEST, "logGroup": "own/group"})

    assert link.startswith("https://eu-west-1.console.aws.amazon.com/cloudwatch/home?")
    asked = insights(link)
    assert f'filter @message like "{REQUEST}"' in asked
    assert "source~(~'own/group)" in asked
    assert "start~'2026-01-02T03:00:00.000Z" in asked


def test_what_has_no_request_is_linked_by_job_and_chunk() -> None:
    asked = insights(log_link(STACK, query(chunk_id=3, until=None)))

    assert 'filter job = "s3://bucket/jobs/film/job.json" and chunk = 3' in asked
    assert "source~(~'Helios-Chunk~'/aws/lambda/merges)" in asked


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_other_partitions_have_other_consoles(region: str, host: str) -> None:
    stack = STACK.model_copy(update={"region": region})
    assert urlsplit(log_link(stack, query())).netloc == host


def test_google_is_asked_for_execution_task_and_chunk() -> None:
    link = log_link(WORKERS, query(chunk_id=3, execution="worker-x"), worker={"task": 3})

    asked = parse_qs(urlsplit(link).query)
    assert asked["project"] == ["p"]
    (text,) = asked["advancedFilter"]
    assert 'labels."run.googleapis.com/execution_name"="worker-x"' in text
    assert 'labels."run.googleapis.com/task_index"="3"' in text
    assert "jsonPayload.chunk=3" in text


def test_requests_are_found_in_what_lambda_says_of_a_crash() -> None:
    crash = f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed"
    assert requests_of([crash, "nothing", crash]) == [REQUEST]


@pytest.fixture
def logging() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    with contextlib.closing(server):
        yield server


def entry(second: int, **fields: object) -> dict[str, object]:
    labels = {
        "run.googleapis.com/execution_name": "worker-x",
        "run.googleapis.com/task_index": "1",
    }
    return {"timestamp": f"2026-01-02T03:00:{second:02}.5Z", "labels": labels, **fields}


async def test_lines_of_cloud_logging_come_page_by_page(logging: ScriptedServer) -> None:
    def answer(request: Received) -> Reply:
        asked = json.loads(request.body)
        if "pageToken" in asked:
            return Reply(body=json.dumps({"entries": [entry(1, textPayload="last\n")]}).encode())
        first = entry(0, jsonPayload={"event": "invocation.began", "chunk": 3})
        return Reply(body=json.dumps({"entries": [first], "nextPageToken": "more"}).encode())

    logging.tell(answer)
    calls = GoogleCalls(AnonymousCredentials(), env={LOGGING_ENDPOINT: logging.endpoint})

    found = await task_log(JOB, query(chunk_id=3, execution="worker-x"), calls)

    assert [(line.worker, line.text) for line in found] == [
        ("worker-x/1", '{"event": "invocation.began", "chunk": 3}'),
        ("worker-x/1", "last"),
    ]
    asked = json.loads(logging.requests[0].body)
    assert asked["resourceNames"] == ["projects/p"]
    assert "jsonPayload.chunk=3" in asked["filter"]
