"""The outcome of a render, as the function records it."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helios.errors import OptionInvalid, SignatureInvalid, SourceForbidden, WebhookUndelivered
from helios.network.network_policy import NetworkPolicy
from helios.records.chunk_record import chunk_key
from helios.records.job_layout import chunk_record
from helios.records.job_outcome import JobOutcome
from helios.webhooks.events import verify
from sandbox.scripted_server import Reply, ScriptedServer
from tests.helios.worker_setup import FRAMES, make_spec
from worker_lambda.execution_end import ExecutionEnd
from worker_lambda.outcome import MAX_FAILED_CHUNKS, handler, record

STARTED = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)

LOCAL = NetworkPolicy(allow_loopback=True)


def end(**fields: Any) -> ExecutionEnd:
    return ExecutionEnd.parse(
        {
            "executionArn": "arn:one",
            "status": "SUCCEEDED",
            "startDate": STARTED.isoformat(),
            "input": {"jobId": "film"},
            **fields,
        }
    )


@pytest.fixture
def job(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs" / "film"
    folder.mkdir(parents=True)
    return folder


def recorded(job: Path, ended: ExecutionEnd) -> JobOutcome | None:
    return asyncio.run(record(ended, artifacts=str(job.parents[1]), network=LOCAL))


def status(job: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((job / "status.json").read_text())
    return found


def fail_chunk(job: Path, chunk: int, code: str, *, after: float = 1.0) -> None:
    told = json.dumps({"code": code, "message": f"{code} it was"})
    file = job / "failures" / f"{chunk}.json"
    file.parent.mkdir(exist_ok=True)
    cause = json.dumps({"errorMessage": told, "errorType": code})
    file.write_text(json.dumps({"chunkId": chunk, "error": code, "cause": cause}))
    when = (STARTED + timedelta(seconds=after)).timestamp()
    os.utime(file, (when, when))


def test_a_render_that_succeeded_is_recorded_with_its_video(job: Path) -> None:
    recorded(job, end(output={"artifact": {"url": "s3://films/film.mp4", "bytes": 7}}))

    found = status(job)
    assert found["status"] == "completed"
    assert found["output"] == {"url": "s3://films/film.mp4", "bytes": 7}
    assert found["execution"] == "arn:one"
    assert "error" not in found


def test_a_render_that_failed_names_the_chunk_that_failed_first(job: Path) -> None:
    fail_chunk(job, 3, "COMMAND_FORBIDDEN", after=9)
    fail_chunk(job, 7, "COMPOSITION_FAILED", after=2)

    recorded(job, end(status="FAILED", error="States.ExceedToleratedFailureThreshold", cause="?"))

    found = status(job)
    assert found["status"] == "failed"
    assert found["error"]["code"] == "COMPOSITION_FAILED"
    assert found["error"]["message"] == "chunk 7: COMPOSITION_FAILED it was"
    assert [chunk["chunkId"] for chunk in found["failedChunks"]] == [7, 3]


def test_chunks_that_failed_in_an_earlier_execution_are_not_blamed(job: Path) -> None:
    fail_chunk(job, 3, "BROWSER_CRASHED", after=-60)

    recorded(job, end(status="FAILED", error="MERGE_FAILED", cause="no space"))

    assert status(job)["failedChunks"] == []
    assert status(job)["error"]["code"] == "MERGE_FAILED"


def test_a_failed_merge_is_the_error_of_the_render(job: Path) -> None:
    fail_chunk(job, 3, "BROWSER_CRASHED")

    recorded(job, end(status="FAILED", error="ARTIFACT_NOT_FOUND", cause="chunk 3 is missing"))

    assert status(job)["error"]["code"] == "ARTIFACT_NOT_FOUND"


@pytest.mark.slow
def test_failures_are_listed_up_to_a_number(job: Path) -> None:
    for chunk in range(MAX_FAILED_CHUNKS + 5):
        fail_chunk(job, chunk, "TIMEOUT", after=chunk + 1)
    (job / "failures" / "0.json").write_text("not JSON")

    recorded(job, end(status="FAILED", error="States.ExceedToleratedFailureThreshold"))

    assert 0 < len(status(job)["failedChunks"]) <= MAX_FAILED_CHUNKS


def test_a_stopped_render_is_recorded_as_cancelled(job: Path) -> None:
    recorded(job, end(status="ABORTED", cause="enough"))

    assert status(job)["status"] == "cancelled"
    assert status(job)["error"]["message"] == "enough"


def test_the_event_after_the_last_state_changes_nothing(job: Path) -> None:
    recorded(job, end(output={"artifact": {"url": "s3://films/film.mp4"}}))
    before = (job / "status.json").read_bytes()

    again = recorded(job, end(output=None, stopDate=1_900_000_000_000))

    assert (job / "status.json").read_bytes() == before
    assert again is not None
    assert again.output is not None


def test_a_later_execution_of_the_job_is_recorded_over_an_earlier_one(job: Path) -> None:
    later = (STARTED + timedelta(hours=1)).isoformat()
    recorded(job, end(status="FAILED", error="MERGE_FAILED"))

    recorded(job, end(executionArn="arn:two", startDate=later))

    assert (status(job)["status"], status(job)["execution"]) == ("completed", "arn:two")


def test_an_event_that_comes_late_does_not_undo_what_a_later_execution_recorded(job: Path) -> None:
    later = (STARTED + timedelta(hours=1)).isoformat()
    recorded(job, end(executionArn="arn:two", startDate=later))

    recorded(job, end(status="FAILED", error="MERGE_FAILED"))

    assert (status(job)["status"], status(job)["execution"]) == ("completed", "arn:two")


def test_a_status_that_is_damaged_is_written_anew(job: Path) -> None:
    (job / "status.json").write_text("{")

    recorded(job, end())

    assert status(job)["status"] == "completed"


@pytest.mark.parametrize("given", [{}, {"jobId": 7}, {"jobId": "../other"}])
def test_an_execution_of_no_job_is_recorded_nowhere(tmp_path: Path, given: object) -> None:
    assert asyncio.run(record(end(input=given), artifacts=str(tmp_path), network=LOCAL)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_handler_answers_with_what_it_recorded(
    job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOS_ARTIFACTS", str(job.parents[1]))
    event = end(status="FAILED", error="TIMEOUT", cause="too slow").model_dump(
        mode="json", by_alias=True
    )

    assert handler(event, None) == status(job)


def test_the_handler_says_what_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIOS_ARTIFACTS", raising=False)

    with pytest.raises(OptionInvalid, match="HELIOS_ARTIFACTS"):
        handler({}, None)


OVER = 1_900_000_000_000


def asked_by(receiver: ScriptedServer) -> dict[str, Any]:
    return {"jobId": "film", "webhook": f"{receiver.endpoint}/ended?who=ann"}


def test_the_webhook_is_told_once_and_only_when_the_execution_is_over(
    job: Path, receiver: ScriptedServer
) -> None:
    step, event = end(input=asked_by(receiver)), end(input=asked_by(receiver), stopDate=OVER)
    recorded(job, step)
    assert receiver.requests == []

    for _ in range(2):
        recorded(job, event)

    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/ended?who=ann")
    assert status(job)["toldAt"]


def test_a_receiver_can_tell_by_the_key_in_the_bucket_that_it_is_this_stack(
    job: Path, receiver: ScriptedServer
) -> None:
    later = (STARTED + timedelta(hours=1)).isoformat()
    artifact = {"artifact": {"url": "s3://films/film.mp4", "bytes": 7}}
    recorded(job, end(input=asked_by(receiver), stopDate=OVER, output=artifact))
    second = {"executionArn": "arn:two", "startDate": later, "stopDate": OVER}
    recorded(job, end(input=asked_by(receiver), status="ABORTED", cause="enough", **second))

    secret = (job.parents[1] / "webhook-key").read_text()
    done, stopped = (
        verify(request.headers, request.body, secret=secret) for request in receiver.requests
    )
    assert (done.type, done.job_id, done.output) == (
        "job.completed",
        "film",
        "s3://films/film.mp4",
    )
    assert stopped.type == "job.cancelled"
    assert stopped.error is not None
    assert stopped.error.message == "enough"
    assert done.id != stopped.id
    with pytest.raises(SignatureInvalid):
        verify(receiver.requests[0].headers, receiver.requests[0].body, secret="another" * 4)


def test_what_is_told_counts_the_chunks_that_are_in_storage(
    job: Path, receiver: ScriptedServer
) -> None:
    spec = make_spec(chunks=3)
    (job / "job.json").write_text(spec.to_json())
    (job / "chunks").mkdir()
    for chunk in spec.chunks[:2]:
        (job / chunk_record(chunk, chunk_key(spec, chunk))).write_text("{}")
    (job / chunk_record(spec.chunks[2], "0" * 16)).write_text("{}")  # of other commands

    recorded(job, end(input=asked_by(receiver), stopDate=OVER, status="FAILED", error="TIMEOUT"))

    told = json.loads(receiver.requests[0].body)
    assert (told["chunksDone"], told["chunksTotal"]) == (2, 3)
    assert (told["framesDone"], told["framesTotal"]) == (2 * FRAMES, 3 * FRAMES)


def test_a_render_whose_job_is_missing_or_damaged_is_told_all_the_same(
    job: Path, receiver: ScriptedServer
) -> None:
    (job / "job.json").write_text("{")

    recorded(job, end(input=asked_by(receiver), stopDate=OVER, status="FAILED", error="TIMEOUT"))

    assert json.loads(receiver.requests[0].body)["chunksTotal"] == 0


def test_a_webhook_that_is_not_taken_is_an_error_until_a_later_event_is(
    job: Path, receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helios.webhooks.delivery.PAUSE", 0.01)
    event = end(input=asked_by(receiver), stopDate=OVER)
    receiver.tell(Reply(503))
    with pytest.raises(WebhookUndelivered, match="status 503"):
        recorded(job, event)
    failed = list(receiver.requests)
    assert "toldAt" not in status(job)

    receiver.tell(Reply(cut=-1), Reply(200))
    recorded(job, event)

    assert len(failed) == 3
    assert status(job)["toldAt"]
    sent = {request.headers["helios-event-id"] for request in (*failed, *receiver.requests)}
    assert len(sent) == 1


@pytest.mark.slow
def test_a_webhook_in_a_private_network_is_refused(job: Path, receiver: ScriptedServer) -> None:
    event = end(input=asked_by(receiver), stopDate=OVER)

    with pytest.raises(SourceForbidden):
        asyncio.run(record(event, artifacts=str(job.parents[1]), network=NetworkPolicy()))

    assert receiver.requests == []
    assert status(job)["status"] == "completed"
