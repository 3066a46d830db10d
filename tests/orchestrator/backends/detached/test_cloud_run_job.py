"""Detached renders by a Cloud Run job: Google's own clients, and tasks that are real processes."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from helios.contract.job_spec import JobSpec
from helios.errors import (
    AccessDenied,
    HeliosError,
    JobNotFound,
    OptionInvalid,
    WebhookUndelivered,
    WorkerNotFound,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.media.probe import probe
from helios.storage import ArtifactStorage
from helios.webhooks.delivery import WebhookSender
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.cloud_run_job import CloudRunJobBackend
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings
from sandbox.google.google_cloud import GoogleCloud
from sandbox.scripted_server import Reply, ScriptedServer
from tests.google_cloud import trusted_google_cloud
from tests.helios.worker_setup import FRAMES, make_spec
from tests.orchestrator.backends.detached.cloud_run_site import (
    SECRET_VALUE,
    WEBHOOKS,
    CloudRunSite,
    Tasks,
    webhook_service,
)
from tests.worker_cloudrun.conftest import slow
from tests.worker_cloudrun.test_service import asleep, until

pytestmark = pytest.mark.slow

WAITS = "import time; time.sleep(60)"
FAILS = "raise SystemExit(1)"
#: Signs as the job does.
SENDER = WebhookSender(SECRET_VALUE)
#: Made anew for each delivery.
LINK = {"link": None, "link_expires_at": None}


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture(scope="module")
def cloud(tasks: Tasks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoogleCloud]:
    folder = tmp_path_factory.mktemp("google-cloud")
    with trusted_google_cloud(folder, looks=0, start_task=tasks) as running:
        yield running


@pytest.fixture(scope="module")
def webhooks_url(cloud: GoogleCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with webhook_service(cloud, tmp_path_factory.mktemp("webhooks")) as url:
        yield url


@pytest.fixture
def site(
    cloud: GoogleCloud, tasks: Tasks, webhooks_url: str, tmp_path: Path
) -> Iterator[CloudRunSite]:
    tasks.code, tasks.workers = "", None
    made = CloudRunSite(cloud, tmp_path, webhooks_url=webhooks_url)
    cloud.api.calls.clear()
    yield made
    cloud.api.executions.stop()


@pytest.fixture
def rendering(site: CloudRunSite, tasks: Tasks) -> CloudRunSite:
    """A site whose tasks are real workers."""
    tasks.workers = site.workers
    return site


def spec(job_id: str = "promo", **options: Any) -> JobSpec:
    return make_spec(**options, id=job_id)


async def texts(folder: ArtifactStorage) -> dict[str, str]:
    """Return all that is in a job's folder, by its key."""
    keys = [found.key for found in await folder.list()]
    return {key: (await folder.get_bytes(key)).decode("latin-1") for key in keys}


def starts(site: CloudRunSite) -> int:
    return site.api.calls.count("RunJob")


def test_a_render_continues_without_its_client(
    rendering: CloudRunSite, receiver: ScriptedServer, tmp_path: Path
) -> None:
    site = rendering
    # The first task that tells is refused for good: Cloud Run begins it once more, to tell alone.
    receiver.tell(Reply(410), Reply(204))
    webhook = f"{receiver.endpoint}/ended?key=of-receiver"
    started = site.start(spec(chunks=3), webhook=WebhookSettings(url=webhook, link=600))
    assert (started.job_id, started.state) == ("promo", JobState.RUNNING)
    assert site.executions()[0].task_count == 3
    ended = site.end_of("promo")
    assert (ended.state, ended.name) == (JobState.COMPLETED, started.name), site.workers.logs()
    outcome = site.outcome("promo")
    assert outcome is not None
    assert outcome.execution == ended.name
    assert outcome.started_at == ended.started_at == started.started_at
    assert ended.ended_at == outcome.ended_at
    assert ended.output is not None
    video = tmp_path / "video.mp4"
    site.in_folder("promo", lambda folder: folder.get_file("output/video.mp4", video))
    assert ended.output.url == f"{site.artifacts}/jobs/promo/output/video.mp4"
    info = asyncio.run(probe(video)).video
    assert info is not None
    assert info.frames == 3 * FRAMES

    until(lambda: site.executions()[0].completion_time)
    assert site.executions()[0].retried_count == 1
    assert [request.path for request in receiver.requests] == ["/ended?key=of-receiver"] * 2
    event, again = site.told(receiver)
    assert event.model_copy(update=LINK) == again.model_copy(update=LINK)
    assert event.link is not None, event.link_error
    with urllib.request.urlopen(event.link) as answer:
        assert answer.read() == video.read_bytes()
    assert (event.type, event.job_id, event.output) == ("job.completed", "promo", ended.output.url)
    assert (event.chunks_done, event.chunks_total) == (3, 3)
    assert (event.frames_done, event.frames_total) == (3 * FRAMES, 3 * FRAMES)
    assert site.outcome("promo") == outcome  # as it was before the webhook was told
    kept = site.in_folder("promo", texts)
    assert f"told/{started.name}" in kept
    for text in (*kept.values(), *site.workers.logs()):
        assert SECRET_VALUE not in text
        assert "of-receiver" not in text
    # Tasks, which run pages, act as an account that never asks for the secret.
    readers = {request.headers["authorization"] for request in site.cloud.secrets.requests}
    assert readers == {f"Bearer access of {WEBHOOKS}"}


def test_a_chunk_that_can_never_be_rendered_fails_the_render(
    rendering: CloudRunSite, receiver: ScriptedServer
) -> None:
    forbidden = make_spec(["forbidden", "forbidden"], id="promo")
    rendering.start(forbidden, webhook=WebhookSettings(url=receiver.endpoint))
    ended = rendering.end_of("promo")
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "COMMAND_FORBIDDEN"
    outcome = rendering.outcome("promo")
    assert outcome is not None
    assert outcome.failed_chunks != []
    until(lambda: rendering.executions()[0].completion_time)
    told = rendering.told(receiver)
    assert {(event.id, event.type) for event in told} == {(told[0].id, "job.failed")}
    assert told[0].error is not None
    assert told[0].error.code == "COMMAND_FORBIDDEN"
    assert (told[0].chunks_done, told[0].chunks_total) == (0, 2)


def test_a_cancelled_render_leaves_nothing_running(
    rendering: CloudRunSite, receiver: ScriptedServer
) -> None:
    site = rendering
    both = make_spec([slow(60.041), slow(60.042, chunk=1)], id="promo")
    site.start(both, webhook=WebhookSettings(url=receiver.endpoint))
    until(lambda: asleep(60.041) and asleep(60.042))
    site.run(lambda backend: backend.cancel("promo", reason="by Ann"), webhooks=SENDER)
    assert asleep(60.041) + asleep(60.042) == []
    ended = site.find("promo")
    assert ended.state is JobState.CANCELLED
    assert ended.error is not None
    assert (ended.error.code, "by Ann" in ended.error.message) == ("CANCELLED", True)
    assert ended.ended_at is not None
    (event,) = site.told(receiver)
    assert (event.type, event.error) == ("job.cancelled", ended.error)
    site.api.calls.clear()
    site.run(lambda backend: backend.cancel("promo", reason="again"))
    assert site.find("promo") == ended
    assert site.api.calls == []


def test_the_same_render_is_started_once_by_clients_one_after_the_other(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = WAITS
    first = site.start(spec())
    assert site.start(spec(), concurrency=1) == first
    assert starts(site) == 1


def test_the_same_render_is_started_once_by_clients_at_the_same_time(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = WAITS
    site.put(spec())

    async def five(backend: CloudRunJobBackend) -> set[str]:
        found = await asyncio.gather(*(backend.start(spec()) for _ in range(5)))
        return {execution.name for execution in found}

    assert len(site.run(five, start_patience=20)) == 1
    assert starts(site) == 1


def test_a_start_that_was_broken_off_is_made_by_the_next_client(site: CloudRunSite) -> None:
    site.put(spec())
    site.in_folder("promo", lambda folder: folder.create("claims/start-0", b""))
    assert site.start(spec()).job_id == "promo"
    assert starts(site) == 1


def test_an_execution_of_a_client_that_was_gone_is_taken_for_the_render(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = WAITS
    site.put(spec())
    site.in_folder("promo", lambda folder: folder.create("claims/start-0", b""))
    name = site.execute("promo")
    assert site.start(spec()).name == name
    assert starts(site) == 0


def test_a_start_whose_answer_was_lost_is_found(site: CloudRunSite, tasks: Tasks) -> None:
    tasks.code = WAITS
    names: list[str] = []
    site.api.faults.before("RunJob", lambda: names.append(site.execute("promo")))
    site.api.faults.refuse("RunJob", grpc.StatusCode.UNAVAILABLE, "connection reset")
    assert site.start(spec()).name == names[0]
    assert len(site.executions()) == 1


def test_a_start_that_did_not_get_through_can_be_made_again(site: CloudRunSite) -> None:
    site.api.faults.refuse("RunJob", grpc.StatusCode.UNAVAILABLE, "connection refused")
    with pytest.raises(WorkerUnavailable, match="connection refused"):
        site.start(spec())
    with pytest.raises(JobNotFound):
        site.find("promo")
    site.start(spec())
    assert len(site.executions()) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, AccessDenied),
        (grpc.StatusCode.UNAUTHENTICATED, AccessDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, WorkerThrottled),
        (grpc.StatusCode.INVALID_ARGUMENT, WorkerUnavailable),
    ],
)
def test_a_start_that_was_refused_holds_up_no_other(
    site: CloudRunSite, status: grpc.StatusCode, error: type[HeliosError]
) -> None:
    site.api.faults.refuse("RunJob", status, "because")
    with pytest.raises(error, match=r"Cloud Run job helios-worker .*: because"):
        site.start(spec())
    # It doesn't wait for another client: there is no time for that.
    assert site.start(spec()).job_id == "promo"


def test_of_two_executions_for_one_render_the_second_is_stopped(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = WAITS
    site.put(spec())
    quicker: list[str] = []

    def overtake() -> None:
        # While the first client hangs, another one takes it for gone, and starts the render.
        other = threading.Thread(target=lambda: quicker.append(site.start(spec()).name))
        other.start()
        other.join()

    site.api.faults.before("RunJob", overtake)
    assert site.start(spec()).name == quicker[0]
    stopped = next(e for e in site.executions() if not e.name.endswith(quicker[0]))
    until(lambda: site.api.executions.get(stopped.name).cancelled_count)
    listed = site.run(lambda backend: backend.recent(limit=5))
    assert [execution.name for execution in listed] == quicker


def test_fewer_tasks_than_chunks_share_them(site: CloudRunSite) -> None:
    site.start(spec(chunks=5), concurrency=2)
    assert site.executions()[0].task_count == 2


def test_a_render_whose_tasks_died_without_a_word_has_failed(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = FAILS
    site.start(spec())
    ended = site.end_of("promo")
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "2 task(s) didn't succeed" in ended.error.message
    outcome = site.outcome("promo")
    assert outcome is not None
    assert (outcome.status, outcome.error) == ("failed", ended.error)


def test_tasks_that_made_no_video_have_failed_however_well_they_ended(site: CloudRunSite) -> None:
    site.start(spec())
    ended = site.end_of("promo")
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert "without a video" in ended.error.message


def test_a_render_that_others_cancelled_is_cancelled(site: CloudRunSite, tasks: Tasks) -> None:
    tasks.code = WAITS
    started = site.start(spec())
    site.api.executions.cancel(f"{site.configuration.job}/executions/{started.name}")
    assert site.end_of("promo").state is JobState.CANCELLED
    outcome = site.outcome("promo")
    assert outcome is not None
    assert outcome.status == "cancelled"


def test_a_render_that_ended_can_not_be_cancelled_any_more(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = FAILS
    site.start(spec())
    until(lambda: site.executions()[0].completion_time)
    site.run(lambda backend: backend.cancel("promo", reason="too late"))
    assert site.find("promo").state is JobState.FAILED


def test_a_render_is_known_when_cloud_run_has_forgotten_its_execution(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = FAILS
    site.start(spec())
    ended = site.end_of("promo")
    site.api.executions.forget(f"{site.configuration.job}/executions/{ended.name}")
    assert site.find("promo") == ended


def test_the_latest_renders_come_first(site: CloudRunSite) -> None:
    for job_id in ("first", "second", "third"):
        site.start(spec(job_id))
        site.end_of(job_id)
    site.execute("by-hand", JOB_ACTION="merge")
    site.execute("elsewhere", JOB_PATH="gs://another/jobs/elsewhere/job.json")
    listed = site.run(lambda backend: backend.recent(limit=2))
    assert [execution.job_id for execution in listed] == ["third", "second"]
    assert listed[0] == site.find("third")
    assert len(site.run(lambda backend: backend.recent(limit=9))) == 3


def test_what_was_never_started_is_not_found(site: CloudRunSite) -> None:
    with pytest.raises(JobNotFound, match="render 'promo'"):
        site.find("promo")
    with pytest.raises(JobNotFound):
        site.run(lambda backend: backend.cancel("promo", reason="?"))
    assert site.run(lambda backend: backend.recent(limit=5)) == []


def test_a_job_that_is_not_deployed_is_told_as_such(site: CloudRunSite) -> None:
    site.put(spec())
    job = site.configuration.job.replace("helios-worker", "other")
    with pytest.raises(WorkerNotFound, match="job other in europe-west1"):
        site.run(lambda backend: backend.start(spec()), job=job)


def test_reads_that_fail_for_a_moment_are_made_again(site: CloudRunSite, tasks: Tasks) -> None:
    tasks.code = WAITS
    site.start(spec())
    site.api.faults.refuse("GetExecution", grpc.StatusCode.UNAVAILABLE, "a moment")
    assert site.find("promo").state is JobState.RUNNING


def test_a_webhook_is_refused_where_there_is_nothing_to_sign_with(site: CloudRunSite) -> None:
    unsigned = site.configuration.model_copy(update={"name": "unsigned"})
    site.deploy("unsigned", unsigned)
    site.put(spec())
    url = WebhookSettings(url="https://example.com/ended")
    with pytest.raises(OptionInvalid, match="has no service that signs and sends it"):
        site.run(lambda backend: backend.start(spec(), webhook=url), job=unsigned.job)

    assert starts(site) == 0


def test_a_client_that_finds_an_unrecorded_end_sends_its_webhook_or_leaves_it_to_others(
    site: CloudRunSite, tasks: Tasks, receiver: ScriptedServer
) -> None:
    tasks.code = FAILS
    site.start(spec(), webhook=WebhookSettings(url=receiver.endpoint))
    assert site.end_of("promo").state is JobState.FAILED
    assert (site.outcome("promo"), receiver.requests) == (None, [])  # it knew no secret
    receiver.tell(Reply(500), Reply(204))
    for _ in range(3):
        ended = site.run(lambda backend: backend.find("promo"), webhooks=SENDER)
        assert ended.state is JobState.FAILED

    refused, event = site.told(receiver)
    assert refused == event
    assert (event.type, event.error) == ("job.failed", ended.error)


def test_a_render_is_cancelled_although_its_webhook_cannot_be_sent(
    site: CloudRunSite, tasks: Tasks, receiver: ScriptedServer
) -> None:
    tasks.code = WAITS
    site.start(spec(), webhook=WebhookSettings(url=receiver.endpoint))
    with pytest.raises(WebhookUndelivered, match="cancelled, but its webhook isn't told yet"):
        site.run(lambda backend: backend.cancel("promo", reason="enough"))

    assert site.find("promo").state is JobState.CANCELLED
    site.run(lambda backend: backend.find("promo"), webhooks=SENDER)
    assert [event.type for event in site.told(receiver)] == ["job.cancelled"]


def test_a_further_run_is_one_execution_that_has_the_missing_chunks(
    site: CloudRunSite, tasks: Tasks
) -> None:
    tasks.code = FAILS
    site.start(spec(chunks=3), concurrency=2)
    first = site.end_of("promo")
    assert first.state is JobState.FAILED

    async def both(backend: CloudRunJobBackend) -> list[Execution]:
        resumes = (backend.resume(spec(chunks=3), [0, 2]) for _ in range(2))
        return await asyncio.gather(*resumes)

    tasks.code = WAITS
    one, other = site.run(both)

    assert one.name == other.name != first.name
    assert starts(site) == 2
    latest = site.executions()[0]
    variables = {each.name: each.value for each in latest.template.containers[0].env}
    assert variables["JOB_CHUNKS_FILE"] == "runs/2.json"
    assert latest.task_count == 2
    assert site.find("promo").name == one.name
    stored = site.in_folder("promo", lambda folder: folder.get_bytes("runs/2.json"))
    assert json.loads(stored) == {"chunks": [{"id": 0}, {"id": 2}]}
