"""The end of an execution, read from what Step Functions tells."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from helios.errors import InvocationInvalid
from worker_lambda.execution_end import ExecutionEnd, error_record

ARN = "arn:aws:states:eu-west-1:123456789012:execution:Renders:one"
#: As the last state of the workflow calls it.
STATE: dict[str, Any] = {
    "executionArn": ARN,
    "status": "SUCCEEDED",
    "startDate": "2026-03-01T10:00:00.500Z",
    "input": {"jobId": "film", "maxConcurrency": 50},
    "output": {"exitCode": 0, "artifact": {"url": "s3://films/jobs/film/output/film.mp4"}},
}
#: The same as an event of EventBridge carries it.
EVENT: dict[str, Any] = {
    "executionArn": ARN,
    "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:Renders",
    "name": "one",
    "status": "SUCCEEDED",
    "startDate": 1772359200500,
    "stopDate": 1772359260000,
    "input": '{"jobId": "film", "maxConcurrency": 50}',
    "inputDetails": {"included": True},
    "output": '{"exitCode": 0, "artifact": {"url": "s3://films/jobs/film/output/film.mp4"}}',
    "outputDetails": {"included": True},
    "error": None,
    "cause": None,
}


@pytest.mark.parametrize("payload", [STATE, EVENT], ids=["state", "event"])
def test_a_state_and_an_event_give_the_same_outcome(payload: dict[str, Any]) -> None:
    end = ExecutionEnd.parse(payload)

    assert end.job_id == "film"
    assert end.start_date == datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert end.artifact is not None
    assert end.artifact.url == "s3://films/jobs/film/output/film.mp4"
    assert end.failure is None


def test_an_event_tells_when_the_execution_ended() -> None:
    assert ExecutionEnd.parse(EVENT).stop_date == datetime(2026, 3, 1, 10, 1, tzinfo=UTC)


def test_an_input_that_was_too_long_for_the_event_names_no_job() -> None:
    end = ExecutionEnd.parse({**EVENT, "input": "{}"})

    assert end.job_id is None


@pytest.mark.parametrize(
    "payload",
    [{}, [], "text", {**STATE, "status": "RUNNING"}]
    + [{**STATE, "startDate": wrong} for wrong in (1e300, 1e20, 10**400, -1e18, float("nan"))]
    + [{**EVENT, "input": "[" * 100_000}],
)
def test_anything_else_is_refused(payload: object) -> None:
    with pytest.raises(InvocationInvalid):
        ExecutionEnd.parse(payload)


def test_a_stopped_execution_was_cancelled_for_the_cause_that_was_given() -> None:
    end = ExecutionEnd.parse({**EVENT, "status": "ABORTED", "output": None, "cause": "by Ann"})

    assert end.failure is not None
    assert (end.failure.code, end.failure.message) == ("CANCELLED", "by Ann")


def test_an_execution_that_ran_out_of_time_says_what_to_do() -> None:
    failure = ExecutionEnd.parse({**EVENT, "status": "TIMED_OUT", "output": None}).failure

    assert failure is not None
    assert failure.code == "TIMEOUT"
    assert failure.hint is not None
    assert "helios:renderTimeout" in failure.hint


def test_what_a_worker_raised_comes_back_whole() -> None:
    raised = {"code": "BROWSER_CRASHED", "message": "the browser died", "retryable": True}
    cause = {"errorMessage": json.dumps(raised), "errorType": "BROWSER_CRASHED", "stackTrace": []}

    record = error_record("BROWSER_CRASHED", json.dumps(cause))

    assert record.model_dump(by_alias=True, exclude_none=True) == raised


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Sandbox.Timedout", "TIMEOUT"),
        ("States.Timeout", "TIMEOUT"),
        ("Runtime.ExitError", "WORKER_CRASHED"),
        ("Lambda.Unknown", "WORKER_CRASHED"),
        ("Lambda.TooManyRequestsException", "WORKER_THROTTLED"),
        ("States.ItemReaderFailed", "JOB_SPEC_NOT_FOUND"),
        ("COMMAND_FORBIDDEN", "COMMAND_FORBIDDEN"),
        ("States.DataLimitExceeded", "JOB_FAILED"),
    ],
)
def test_failures_that_the_platform_named_get_a_code_of_ours(name: str, code: str) -> None:
    record = error_record(name, '{"errorMessage": "something happened"}')

    assert record.code == code
    assert "something happened" in record.message


def test_a_failure_of_which_nothing_is_known_is_still_a_failure() -> None:
    assert error_record(None, None).code == "JOB_FAILED"


@pytest.mark.parametrize(
    "cause",
    [
        "[" * 100_000,
        json.dumps({"errorMessage": "[" * 100_000}),
        json.dumps({"errorMessage": json.dumps({"code": 1, "message": []})}),
        json.dumps({"errorMessage": json.dumps({"code": "X"})}),
    ],
)
def test_a_cause_that_is_no_record_is_told_as_text_and_the_outcome_is_recorded(cause: str) -> None:
    end = ExecutionEnd.parse({**STATE, "status": "FAILED", "error": "CRASH", "cause": cause})

    assert end.failure is not None
    assert end.failure.code == "CRASH"
    assert end.failure.message


@pytest.mark.parametrize("output", ["[" * 100_000, {"artifact": 3}, {"artifact": {"bytes": "x"}}])
def test_an_output_without_an_artifact_names_no_video(output: object) -> None:
    assert ExecutionEnd.parse({**STATE, "output": output}).artifact is None
