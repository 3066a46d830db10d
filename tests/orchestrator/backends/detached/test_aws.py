"""Detached renders on AWS, as far as Step Functions itself goes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from helios.contract.job_spec import JobSpec
from helios.errors import AccessDenied, HeliosError, JobNotFound, OptionInvalid, WorkerNotFound
from orchestrator.backends.detached.base import Execution
from orchestrator.clouds.aws import AwsCalls
from orchestrator.clouds.aws_stack import find_stack, parameter_of
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings
from tests.orchestrator.backends.detached.conftest import Engine

pytestmark = pytest.mark.slow


def spec(job_id: str) -> JobSpec:
    return JobSpec.model_validate(
        {
            "id": job_id,
            "metadata": {"totalFrames": 5, "fps": 5, "width": 2, "height": 2, "duration": 1},
            "chunks": [
                {
                    "id": 0,
                    "startFrame": 0,
                    "frameCount": 5,
                    "outputFile": "0.mp4",
                    "command": "helios render composition -o 0.mp4",
                }
            ],
            "mergeCommand": "helios merge video.mp4 0.mp4",
        }
    )


async def ended(engine: Engine, job_id: str) -> Execution:
    backend = engine.backend()
    for _ in range(100):
        found = await backend.find(job_id)
        if found.state is not JobState.RUNNING:
            return found
        await asyncio.sleep(0.1)
    raise TimeoutError(job_id)


async def test_a_render_is_an_execution_under_its_id(engine: Engine) -> None:
    # Its state machine waits as many seconds as `concurrency` says: long enough to be seen running.
    started = await engine.backend().start(spec("good"), concurrency=5)

    assert (started.job_id, started.state) == ("good", JobState.RUNNING)
    assert started.ended_at is None
    over = await ended(engine, "good")
    assert over.state is JobState.COMPLETED
    assert over.name == started.name
    assert over.name.endswith(":good")
    assert over.output is not None
    assert over.output.url == "s3://bucket/v.mp4"
    assert over.ended_at is not None
    assert over.ended_at > over.started_at


async def test_however_often_it_is_started_it_is_one_execution(engine: Engine) -> None:
    one, other = engine.backend(), engine.backend()
    starts = [backend.start(spec("once"), concurrency=1) for backend in (one, other, one, other)]
    found = await asyncio.gather(*starts, other.start(spec("once"), concurrency=2))
    await ended(engine, "once")

    late = await one.start(spec("once"), concurrency=1)

    assert len({execution.name for execution in found}) == 1
    assert late.state is JobState.COMPLETED
    assert engine.executions() == ["once"]


async def test_a_failure_has_the_code_that_the_workflow_ends_with(engine: Engine) -> None:
    await engine.backend().start(spec("bad"), concurrency=0)

    over = await ended(engine, "bad")

    assert over.state is JobState.FAILED
    assert over.error is not None
    assert (over.error.code, over.error.message) == ("COMMAND_FAILED", "chunk 1: no")


async def test_a_render_that_is_cancelled_stops_and_keeps_the_reason(engine: Engine) -> None:
    backend = engine.backend()
    await backend.start(spec("long"), concurrency=60)

    await backend.cancel("long", reason="changed my mind")

    over = await ended(engine, "long")
    assert over.state is JobState.CANCELLED
    await backend.cancel("long", reason="again")
    assert (await backend.find("long")).ended_at == over.ended_at


async def test_the_latest_renders_come_first_and_no_more_than_asked(engine: Engine) -> None:
    backend = engine.backend()
    for name in ("one", "two", "three"):
        await backend.start(spec(name), concurrency=0)
        await asyncio.sleep(0.01)

    found = await backend.recent(limit=2)

    assert [execution.job_id for execution in found] == ["three", "two"]
    assert len(await backend.recent(limit=50)) == 3


@pytest.mark.parametrize("call", ["find", "cancel"])
async def test_a_render_that_was_never_started_is_not_found(engine: Engine, call: str) -> None:
    backend = engine.backend()
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "find": lambda: backend.find("unknown"),
        "cancel": lambda: backend.cancel("unknown", reason=""),
    }
    with pytest.raises(JobNotFound, match=r"render 'unknown': there is none in the stack Helios"):
        await calls[call]()


async def test_a_stack_that_is_gone_is_told_as_such(engine: Engine) -> None:
    engine.aws.client("stepfunctions").delete_state_machine(
        stateMachineArn=engine.stack.state_machine
    )

    with pytest.raises(WorkerNotFound, match="its state machine is gone") as told:
        await engine.backend().start(spec("late"), concurrency=0)

    assert "orchestrator connect" in told.value.hint


async def test_a_stack_is_found_by_its_name(engine: Engine) -> None:
    name = engine.stack.artifacts.removeprefix("s3://")
    fields = engine.stack.model_dump(mode="json", by_alias=True, exclude={"kind", "name"})
    parameter(engine, name, {**fields, "rendersTopic": "arn:aws:sns:later"})

    found = await find_stack(name, AwsCalls(region=engine.stack.region))

    assert found == engine.stack.model_copy(update={"name": name})


async def test_what_is_no_stack_of_this_version_is_refused(engine: Engine) -> None:
    name = engine.stack.artifacts.removeprefix("s3://")
    calls = AwsCalls(region=engine.stack.region)
    fields = engine.stack.model_dump(mode="json", by_alias=True, exclude={"kind", "name"})

    with pytest.raises(WorkerNotFound, match=f"stack {name}: not deployed in us-east-1"):
        await find_stack(name, calls)
    parameter(engine, name, {"region": "us-east-1"})
    with pytest.raises(OptionInvalid, match="isn't what deploying writes") as told:
        await find_stack(name, calls)
    assert "$.stateMachine: Field required" in told.value.details
    parameter(engine, name, {**fields, "version": 2})
    with pytest.raises(OptionInvalid, match="newer version"):
        await find_stack(name, calls)


async def test_without_credentials_or_region_it_says_what_is_missing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(OptionInvalid, match="no AWS region is set"):
        await find_stack("Helios", AwsCalls())
    with pytest.raises(HeliosError) as told:
        await find_stack("Helios", AwsCalls(region="us-east-1"))
    assert told.value.code == AccessDenied.code
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(OptionInvalid, match="absent"):
        AwsCalls()


def parameter(engine: Engine, stack: str, fields: dict[str, Any]) -> None:
    import json

    engine.aws.client("ssm").put_parameter(
        Name=parameter_of(stack), Value=json.dumps(fields), Type="String", Overwrite=True
    )


async def test_a_webhook_goes_with_the_start_for_the_stack_to_tell(engine: Engine) -> None:
    started = await engine.backend().start(
        spec("told"), webhook=WebhookSettings(url="https://example.com/ended")
    )

    client = engine.aws.client("stepfunctions")
    given = client.describe_execution(executionArn=started.name)["input"]
    assert json.loads(given) == {"jobId": "told", "webhook": "https://example.com/ended"}


async def test_a_render_that_was_stopped_in_the_console_says_so(engine: Engine) -> None:
    started = await engine.backend().start(spec("stopped"), concurrency=60)
    engine.aws.client("stepfunctions").stop_execution(executionArn=started.name)

    over = await ended(engine, "stopped")

    assert over.error is not None
    assert (over.error.code, over.error.message) == ("CANCELLED", "the render was stopped")


async def test_a_further_run_is_another_execution_of_the_same_render(engine: Engine) -> None:
    backend = engine.backend()
    # Each run waits as many seconds, so that the first resumed one is running when the other asks.
    await backend.start(
        spec("bad-once"), concurrency=4, webhook=WebhookSettings(url="https://example.com/ended")
    )
    first = await ended(engine, "bad-once")

    both = await asyncio.gather(
        *(each.resume(spec("bad-once"), [0]) for each in (backend, engine.backend()))
    )

    last = await ended(engine, "bad-once")
    assert last.name == f"{first.name}--run2"
    assert {each.name for each in both} == {last.name}
    assert last.job_id == "bad-once"
    assert engine.executions() == ["bad-once--run2", "bad-once"]
    assert [each.name for each in await backend.recent(limit=5)] == [last.name]
    client = engine.aws.client("stepfunctions")
    asked = json.loads(client.describe_execution(executionArn=last.name)["input"])
    assert asked == {
        "jobId": "bad-once",
        "maxConcurrency": 4,
        "webhook": "https://example.com/ended",
        "chunksFile": "runs/2.json",
        "mergeOnly": False,
        "stopAt": None,
    }
    bucket = engine.stack.artifacts.removeprefix("s3://")
    stored = engine.aws.client("s3").get_object(Bucket=bucket, Key="jobs/bad-once/runs/2.json")
    assert json.loads(stored["Body"].read()) == {"chunks": [{"id": 0}]}


async def test_a_run_that_was_chosen_but_never_started_does_not_hide_the_one_before(
    engine: Engine,
) -> None:
    backend = engine.backend()
    started = await backend.start(spec("half"), concurrency=0)
    bucket = engine.stack.artifacts.removeprefix("s3://")
    key = "jobs/half/runs/2.json"
    engine.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b'{"chunks": []}')

    assert (await backend.find("half")).name == started.name
