"""Throttled invocations, as Step Functions tries them again by the workflow's own rules."""

import json
import time

import pytest

from helios_infra.workflow import workflow
from helios_infra.workflow_tasks import Function
from sandbox.aws.local_aws import LocalAws

pytestmark = pytest.mark.slow

#: Keeps the only worker that is reserved busy, until the other call has been throttled.
SOURCE = """
import time

def handler(event, context):
    time.sleep(3)
    return {}
"""


@pytest.mark.long
def test_an_invocation_that_is_throttled_waits_and_succeeds(aws: LocalAws) -> None:
    aws.deploy("crowded", source=SOURCE, reserved=1)
    chunk = Function(arn="crowded", timeout=60, retries=0)
    definition = workflow(
        bucket="films",
        chunk_worker=chunk,
        merge_worker=chunk,
        outcome=chunk,
        max_concurrency=2,
        timeout=600,
    )
    render = definition["States"]["RenderChunks"]["ItemProcessor"]["States"]["RenderChunk"]
    task = {
        "Type": "Task",
        "Resource": render["Resource"],
        "Parameters": {"FunctionName": "crowded", "Payload": {}},
        "Retry": render["Retry"],
        "End": True,
    }
    branches = [{"StartAt": name, "States": {name: task}} for name in ("One", "Other")]
    machine = {
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": branches, "End": True}},
    }
    client = aws.client("stepfunctions")
    arn = client.create_state_machine(
        name="crowded", definition=json.dumps(machine), roleArn="arn:aws:iam::123456789012:role/w"
    )["stateMachineArn"]

    started = client.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    deadline = time.monotonic() + 80
    while (found := client.describe_execution(executionArn=started))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert found["status"] == "SUCCEEDED"
    events = client.get_execution_history(executionArn=started)["events"]
    throttled = [each for each in events if "TooManyRequests" in json.dumps(each, default=str)]
    assert throttled
    client.delete_state_machine(stateMachineArn=arn)
    aws.client("lambda").delete_function(FunctionName="crowded")
