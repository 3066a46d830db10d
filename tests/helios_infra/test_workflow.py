"""The definition of the state machine, as it is handed to Step Functions."""

from collections.abc import Iterator
from typing import Any

import pytest

from helios import errors
from helios_infra.workflow import workflow
from helios_infra.workflow_tasks import Function, longest_wait, retried_codes

#: What chance broke, and what can't heal.
HEALS = {"BROWSER_CRASHED", "OUT_OF_MEMORY", "STORAGE_UNAVAILABLE", "TIMEOUT", "WORKER_CRASHED"}
STAYS = {"CHUNK_NOT_FOUND", "COMMAND_FORBIDDEN", "JOB_SPEC_INVALID", "SOURCE_FORBIDDEN"}


@pytest.fixture
def definition() -> dict[str, Any]:
    return workflow(
        bucket="films",
        chunk_worker=Function(arn="arn:chunk", timeout=600, retries=4),
        merge_worker=Function(arn="arn:merge", timeout=900, retries=2),
        outcome=Function(arn="arn:outcome", timeout=120, retries=5),
        max_concurrency=150,
        timeout=7200,
    )


def states(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from states(state["ItemProcessor"])


def test_exactly_the_transient_codes_are_retried() -> None:
    codes = set(retried_codes())

    assert codes >= HEALS
    assert not codes & STAYS
    known = [e for e in vars(errors).values() if isinstance(e, type)]
    heals = {e.code for e in known if issubclass(e, errors.HeliosError) and e.retryable}
    assert codes == heals - {"JOB_FAILED", "MERGE_FAILED"}


def test_no_state_catches_what_cannot_heal_in_order_to_retry_it(definition: dict[str, Any]) -> None:
    for name, state in states(definition):
        if state.get("Resource") == "arn:aws:states:::lambda:invoke":
            retried = {code for retry in state["Retry"] for code in retry["ErrorEquals"]}
            assert not retried & {*STAYS, "States.ALL", "States.TaskFailed"}, name


@pytest.mark.parametrize("name", ["RenderChunk", "Merge", "RecordSuccess", "RecordFailure"])
def test_further_tries_wait_longer_each_time_and_not_all_at_once(
    definition: dict[str, Any], name: str
) -> None:
    retries = dict(states(definition))[name]["Retry"]

    assert retries
    for retry in retries:
        assert retry["BackoffRate"] > 1
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] <= 60


def test_a_chunk_is_tried_again_as_often_as_configured(definition: dict[str, Any]) -> None:
    retries = dict(states(definition))["RenderChunk"]["Retry"]
    (after_failure,) = (retry for retry in retries if "BROWSER_CRASHED" in retry["ErrorEquals"])

    assert after_failure["MaxAttempts"] == 4
    assert "Sandbox.Timedout" in after_failure["ErrorEquals"]


def test_throttled_chunks_wait_for_a_worker_without_using_up_their_tries(
    definition: dict[str, Any],
) -> None:
    retries = dict(states(definition))["RenderChunk"]["Retry"]
    (throttled,) = (r for r in retries if "Lambda.TooManyRequestsException" in r["ErrorEquals"])

    assert set(throttled["ErrorEquals"]) == {
        "Lambda.EC2ThrottledException",
        "Lambda.TooManyRequestsException",
    }
    for other in retries:
        assert other is throttled or not {*throttled["ErrorEquals"]} & {*other["ErrorEquals"]}


@pytest.mark.parametrize("seconds", [60, 21_600, 31_536_000])
def test_throttled_chunks_wait_as_long_as_the_render_may_take(seconds: int) -> None:
    chunk = Function(arn="arn:chunk", timeout=600, retries=4, longest_wait=longest_wait(seconds))
    definition = workflow(
        bucket="films",
        chunk_worker=chunk,
        merge_worker=chunk,
        outcome=chunk,
        max_concurrency=150,
        timeout=seconds,
    )

    for name in ("RenderChunk", "Merge"):
        (throttled,) = (
            retry
            for retry in dict(states(definition))[name]["Retry"]
            if "Lambda.TooManyRequestsException" in retry["ErrorEquals"]
        )
        # Waits are drawn below their bound, and last half of it on average.
        tries = seconds / (throttled["MaxDelaySeconds"] / 2)
        assert tries < throttled["MaxAttempts"]
        # An execution has 25,000 events, of which each try takes five.
        assert tries * 5 < 25_000


def test_a_further_run_maps_over_its_own_list_or_only_merges(definition: dict[str, Any]) -> None:
    known = dict(states(definition))

    key = known["RenderChunks"]["ItemReader"]["Parameters"]["Key.$"]
    assert key == "States.Format('jobs/{}/{}', $.jobId, $.chunksFile)"
    assert known["LocateJob"]["Parameters"]["defaults"]["chunksFile"] == "job.json"
    (merge_only,) = known["FindMissing"]["Choices"]
    assert (merge_only["Variable"], merge_only["Next"]) == ("$.mergeOnly", "Merge")
    assert known["FindMissing"]["Default"] == "RenderChunks"


def test_step_functions_waits_longer_than_the_function_may_take(
    definition: dict[str, Any],
) -> None:
    known = dict(states(definition))

    assert known["RenderChunk"]["TimeoutSeconds"] > 600
    assert known["Merge"]["TimeoutSeconds"] > 900
    assert definition["TimeoutSeconds"] == 7200


def test_the_map_reads_the_chunks_of_the_spec_in_the_bucket_and_tolerates_no_failure(
    definition: dict[str, Any],
) -> None:
    chunks = definition["States"]["RenderChunks"]

    assert chunks["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert chunks["ItemReader"]["ReaderConfig"] == {
        "InputType": "JSON",
        "ItemsPointer": "/chunks",
    }
    assert chunks["MaxConcurrencyPath"] == "$.maxConcurrency"
    assert not [name for name in chunks if name.startswith("Tolerated")]


def test_neither_the_spec_nor_the_results_pass_through_a_state(definition: dict[str, Any]) -> None:
    known = dict(states(definition))

    assert "ResultWriter" in known["RenderChunks"]
    for name in ("RenderChunks", "RenderChunk", "RecordChunkFailure", "RecordSuccess"):
        assert known[name]["ResultPath"] is None, name


def test_every_way_through_ends_with_a_recorded_outcome(definition: dict[str, Any]) -> None:
    known = definition["States"]

    for name in ("RenderChunks", "Merge"):
        (catch,) = known[name]["Catch"]
        assert catch == {
            "ErrorEquals": ["States.ALL"],
            "ResultPath": "$.error",
            "Next": "RecordFailure",
        }
    assert known["Merge"]["Next"] == "RecordSuccess"


def test_a_record_that_fails_does_not_change_how_the_render_ended(
    definition: dict[str, Any],
) -> None:
    known = definition["States"]

    assert (
        known["RecordSuccess"]["Catch"][0]["Next"] == known["RecordSuccess"]["Next"] == "Rendered"
    )
    assert known["RecordFailure"]["Catch"][0]["Next"] == known["RecordFailure"]["Next"] == "Failed"


def test_every_state_can_be_reached_and_leads_on(definition: dict[str, Any]) -> None:
    for machine in (definition, definition["States"]["RenderChunks"]["ItemProcessor"]):
        reached = {machine["StartAt"]}
        for state in machine["States"].values():
            steps = [state, *state.get("Catch", []), *state.get("Choices", [])]
            reached |= {step["Next"] for step in steps if "Next" in step}
            reached |= {state["Default"]} if "Default" in state else set()
            assert {"Next", "End", "Default"} & state.keys() or state["Type"] in {"Succeed", "Fail"}

        assert reached == set(machine["States"])
