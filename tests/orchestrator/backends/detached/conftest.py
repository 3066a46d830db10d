"""A state machine whose executions only wait, and a job in a folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from orchestrator.backends.detached.aws import StateMachineBackend
from orchestrator.clouds.aws import AwsCalls
from orchestrator.delivery.stores import Stores
from orchestrator.model.deployment import AwsStack
from sandbox.aws.local_aws import LocalAws
from tests.orchestrator.stacks import aws_stack

#: Waits for so many seconds, then ends as the workflow does.
WAITING = {
    "StartAt": "Wait",
    "States": {
        "Wait": {"Type": "Wait", "SecondsPath": "$.maxConcurrency", "Next": "Chosen"},
        "Chosen": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.jobId", "StringMatches": "bad*", "Next": "Failed"}],
            "Default": "Rendered",
        },
        "Rendered": {
            "Type": "Pass",
            "Result": {"exitCode": 0, "artifact": {"url": "s3://bucket/v.mp4", "bytes": 5}},
            "End": True,
        },
        "Failed": {"Type": "Fail", "Error": "COMMAND_FAILED", "Cause": "chunk 1: no"},
    },
}


@dataclass(frozen=True)
class Engine:
    """A backend over a state machine that renders nothing."""

    aws: LocalAws
    stack: AwsStack

    def backend(self) -> StateMachineBackend:
        """Return the backend as another client sees it."""
        calls = AwsCalls(region=self.stack.region)
        return StateMachineBackend(self.stack, calls, Stores())

    def executions(self) -> list[str]:
        """Return the names of all executions."""
        client = self.aws.client("stepfunctions")
        found = client.list_executions(stateMachineArn=self.stack.state_machine)["executions"]
        return [execution["name"] for execution in found]


@pytest.fixture
def engine(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    bucket = f"detached-{uuid4().hex[:12]}"
    aws.client("s3").create_bucket(Bucket=bucket)
    machine = aws.client("stepfunctions").create_state_machine(
        name=bucket,
        definition=json.dumps(WAITING),
        roleArn="arn:aws:iam::123456789012:role/workflow",
    )
    stack = aws_stack(
        region=aws.variables["AWS_REGION"],
        artifacts=f"s3://{bucket}",
        state_machine=machine["stateMachineArn"],
    )
    yield Engine(aws, stack)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A composition."""
    page = tmp_path / "page" / "index.html"
    page.parent.mkdir()
    page.write_text("<!doctype html><title>page</title>", "utf-8")
    return page.parent
