"""The policies that are printed, compared with what commands and stack really need."""

import json
import re
from fnmatch import fnmatch
from typing import Any

import pytest

from helios.errors import OptionInvalid
from helios.webhooks.events import WEBHOOK_KEY
from orchestrator.policies import POLICIES, StackNames, document, statements, with_prefix
from tests.orchestrator.stacks import aws_stack

STACK = aws_stack(
    name="Films",
    artifacts="s3://films-artifacts-1/prefix",
    chunk_function="Films-WorkersChunk-A",
    merge_function="Films-WorkersMerge-B",
    state_machine="arn:aws-cn:states:eu-west-1:123456789012:stateMachine:Films-StateMachine-C",
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
    bucket = "arn:aws-cn:s3:::films-artifacts-1"
    assert render["s3:PutObject"] == [f"{bucket}/prefix/assets/*", f"{bucket}/prefix/jobs/*"]
    assert render["s3:GetObject"] == render["s3:PutObject"]
    for where in (where for action, all_ in render.items() for where in all_ if "s3" in action):
        assert not fnmatch(f"{bucket}/prefix/{WEBHOOK_KEY}", where)
    assert render["s3:ListBucket"] == ["arn:aws-cn:s3:::films-artifacts-1"]
    assert render["states:StartExecution"] == [STACK.state_machine]
    assert render["states:StopExecution"] == [
        "arn:aws-cn:states:eu-west-1:123456789012:execution:Films-StateMachine-C:*"
    ]
    assert render["ssm:GetParameter"] == [
        "arn:aws-cn:ssm:eu-west-1:123456789012:parameter/helios/Films/stack"
    ]
    assert {action for action, where in render.items() if "*" in where} == {
        "lambda:GetAccountSettings"  # knows no resources
    }
    assert render["logs:FilterLogEvents"] == [
        f"arn:aws-cn:logs:eu-west-1:123456789012:log-group:/aws/lambda/{name}:*"
        for name in (STACK.chunk_function, STACK.merge_function)
    ]


def test_a_bucket_with_a_key_of_its_own_takes_the_use_of_that_key_alone() -> None:
    key = "arn:aws-cn:kms:eu-west-1:123456789012:key/1"
    names = StackNames.of(STACK.model_copy(update={"kms_key": key}))

    for wanted in (names, with_prefix(names, "render", "tenants/a")):
        render = allowed("render", wanted)
        assert render["kms:Decrypt"] == render["kms:GenerateDataKey"] == [key]
    assert "kms:Decrypt" not in allowed("render", StackNames.of(STACK))


def test_a_tenant_reaches_the_folder_of_its_own_alone() -> None:
    names = with_prefix(StackNames.of(STACK), "render", "/tenants/a")
    render = allowed("render", names)

    bucket = "arn:aws-cn:s3:::films-artifacts-1"
    own = [f"{bucket}/prefix/tenants/a/{folder}/*" for folder in ("assets", "jobs")]
    assert render["s3:GetObject"] == render["s3:PutObject"] == own
    assert render["s3:DeleteObject"] == [f"{bucket}/prefix/tenants/a/jobs/*"]
    (listing,) = (s for s in document("render", names)["Statement"] if "Condition" in s)
    assert listing["Action"] == ["s3:ListBucket"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["prefix/tenants/a/*"]}}
    assert not [action for action in render if action.startswith("states:")]


@pytest.mark.parametrize("folder", ["", "/", "..", "a/../b", "a*", "a b", "${aws:username}"])
def test_what_is_no_folder_is_refused(folder: str) -> None:
    with pytest.raises(OptionInvalid, match="can't be a tenant's folder"):
        with_prefix(StackNames.of(STACK), "render", folder)


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
            assert set(statement["Action"]) <= {
                "lambda:GetAccountSettings",
                "servicequotas:ListServiceQuotas",
            }


def test_a_stack_that_is_not_there_yet_is_named_by_patterns() -> None:
    names = StackNames.expected("Films", region="eu-west-1")

    render = allowed("render", names)

    assert render["s3:GetObject"] == [
        f"arn:aws:s3:::films-artifacts*/{folder}/*" for folder in ("assets", "jobs")
    ]
    assert render["lambda:InvokeFunction"][0] == (
        "arn:aws:lambda:eu-west-1:*:function:Films-WorkersChunk*"
    )


def test_deploying_takes_the_roles_of_bootstrapping_alone() -> None:
    deploy = allowed("deploy", StackNames.expected("Films"))

    assert set(deploy) == {"sts:AssumeRole", "ssm:GetParameter"}
    assert all("role/cdk-hnb659fds-" in role for role in deploy["sts:AssumeRole"])
