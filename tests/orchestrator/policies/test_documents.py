"""The policies that are printed, compared with what commands and stack really need."""

import json
import re
from typing import Any

import pytest

from orchestrator.model.deployment import AwsStack
from orchestrator.policies import POLICIES, StackNames, document, statements

STACK = AwsStack(
    name="Films",
    version=1,
    region="eu-west-1",
    artifacts="s3://films-artifacts-1/prefix",
    chunk_function="Films-WorkersChunk-A",
    merge_function="Films-WorkersMerge-B",
    state_machine="arn:aws-cn:states:eu-west-1:123456789012:stateMachine:Films-StateMachine-C",
    architecture="arm64",
    chunk_memory=1,
    chunk_disk=1,
    chunk_timeout=1,
    merge_memory=1,
    merge_disk=1,
    max_concurrency=1,
)


def allowed(policy: str, names: StackNames) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for statement in statements(policy, names):
        for action in statement.actions:
            found.setdefault(action, []).extend(statement.resources)
    return found


def test_rendering_takes_the_stacks_own_resources_and_no_others() -> None:
    render = allowed("render", StackNames.of(STACK))

    assert render["lambda:InvokeFunction"] == [
        "arn:aws-cn:lambda:eu-west-1:123456789012:function:Films-WorkersChunk-A",
        "arn:aws-cn:lambda:eu-west-1:123456789012:function:Films-WorkersMerge-B",
    ]
    assert render["s3:PutObject"] == ["arn:aws-cn:s3:::films-artifacts-1/*"]
    assert render["s3:ListBucket"] == ["arn:aws-cn:s3:::films-artifacts-1"]
    assert render["states:StartExecution"] == [STACK.state_machine]
    assert render["states:StopExecution"] == [
        "arn:aws-cn:states:eu-west-1:123456789012:execution:Films-StateMachine-C:*"
    ]
    assert render["ssm:GetParameter"] == [
        "arn:aws-cn:ssm:eu-west-1:123456789012:parameter/helios/Films/stack"
    ]
    assert "*" not in [resource for resources in render.values() for resource in resources]


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_policy_is_one_that_iam_takes(policy: str) -> None:
    written: dict[str, Any] = json.loads(json.dumps(document(policy, StackNames.of(STACK))))

    assert written["Version"] == "2012-10-17"
    ids = [statement["Sid"] for statement in written["Statement"]]
    assert len(set(ids)) == len(ids)
    for statement in written["Statement"]:
        assert re.fullmatch(r"[A-Za-z0-9]+", statement["Sid"])
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(r"[a-z0-9]+:[A-Z][A-Za-z]+", each) for each in statement["Action"])
        # Nothing is allowed on everything but to look at quotas, which belong to no resource.
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) == {
                "lambda:GetAccountSettings",
                "servicequotas:ListServiceQuotas",
            }


def test_a_stack_that_is_not_there_yet_is_named_by_patterns() -> None:
    names = StackNames.expected("Films", region="eu-west-1")

    render = allowed("render", names)

    assert render["s3:GetObject"] == ["arn:aws:s3:::films-artifacts*/*"]
    assert render["lambda:InvokeFunction"][0] == (
        "arn:aws:lambda:eu-west-1:*:function:Films-WorkersChunk*"
    )


def test_deploying_takes_the_roles_of_bootstrapping_alone() -> None:
    deploy = allowed("deploy", StackNames.expected("Films"))

    assert set(deploy) == {"sts:AssumeRole", "ssm:GetParameter"}
    assert all("role/cdk-hnb659fds-" in role for role in deploy["sts:AssumeRole"])
