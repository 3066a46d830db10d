"""The checkup of a stack, with answers that no local server gives."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from orchestrator.clouds.aws import AwsCalls
from orchestrator.clouds.aws_stack import parameter_of
from orchestrator.doctor import Finding, Health, PlannedRender
from orchestrator.doctor.aws import AwsCheckup
from orchestrator.model.deployment import AwsStack
from orchestrator.policies import StackNames, statements
from tests.orchestrator.answers import Answers
from tests.orchestrator.policies.test_documents import STACK

ACTIVE = {"State": "Active", "LastUpdateStatus": "Successful", "MemorySize": 3008, "Timeout": 900}
ALLOWED = {"EvaluationResults": [{"EvalActionName": "x:Y", "EvalDecision": "allowed"}]}
IDENTITY = {"Arn": "arn:aws:iam::123456789012:user/ann", "Account": "123456789012"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def parameter(stack: AwsStack) -> dict[str, Any]:
    text = stack.model_dump_json(by_alias=True, exclude={"kind", "name"})
    return {"Parameter": {"Name": parameter_of(stack.name), "Value": text}}


def machine(status: str) -> dict[str, Any]:
    return {
        "stateMachineArn": STACK.state_machine,
        "name": "Films-StateMachine-C",
        "status": status,
        "definition": "{}",
        "roleArn": "arn:aws:iam::123456789012:role/x",
        "type": "STANDARD",
        "creationDate": 0,
    }


def prepared(
    *,
    parameter_answer: Any = None,
    simulation: Any = None,
    chunk: Any = None,
    status: str = "ACTIVE",
    unreserved: int = 1000,
    reserved: int | None = None,
    refill: float | None = 5000.0,
) -> dict[str, list[tuple[str, Any]]]:
    simulations = [("simulate_principal_policy", simulation or ALLOWED)] * 20
    quotas = [
        {"QuotaName": "StateTransition throttle token refill rate per second", "Value": refill}
    ]
    own = {} if reserved is None else {"ReservedConcurrentExecutions": reserved}
    return {
        "sts": [("get_caller_identity", IDENTITY)],
        "ssm": [("get_parameter", parameter_answer or parameter(STACK))],
        "iam": simulations,
        "lambda": [
            ("get_function_configuration", chunk or ACTIVE),
            ("get_function_configuration", ACTIVE),
            (
                "get_account_settings",
                {"AccountLimit": {"UnreservedConcurrentExecutions": unreserved}},
            ),
            ("get_function_concurrency", own),
        ],
        "stepfunctions": [("describe_state_machine", machine(status))],
        "service-quotas": [("list_service_quotas", {"Quotas": quotas if refill else []})],
    }


async def checkup(
    answers: dict[str, list[tuple[str, Any]]],
    *,
    stack: AwsStack = STACK,
    concurrency: int = 200,
    chunks: int = 200,
) -> dict[str, Finding]:
    calls = AwsCalls(session=cast(Any, Answers(answers)))
    plan = PlannedRender(concurrency=concurrency, chunks=chunks)
    found = AwsCheckup(stack, calls, plan=plan).findings(None)
    return {finding.check: finding async for finding in found}


async def test_a_stack_that_is_well_has_nothing_to_mend() -> None:
    found = await checkup(prepared())

    assert {finding.health for finding in found.values()} == {Health.OK}
    assert {finding.fix for finding in found.values()} == {""}
    assert list(found) == [
        "credentials",
        "stack",
        "permissions",
        "chunk worker",
        "merge worker",
        "state machine",
        "quota of workers",
        "quota of state transitions",
    ]


async def test_without_credentials_nothing_else_is_looked_at() -> None:
    answers = prepared()
    answers["sts"] = [("get_caller_identity", "InvalidClientTokenId")]

    found = await checkup(answers)

    assert list(found) == ["credentials"]
    assert found["credentials"].health is Health.PROBLEM


async def test_permissions_that_are_missing_are_named() -> None:
    denied = {
        "EvaluationResults": [
            {"EvalActionName": "lambda:InvokeFunction", "EvalDecision": "implicitDeny"}
        ]
    }

    permissions = (await checkup(prepared(simulation=denied)))["permissions"]

    assert permissions.health is Health.PROBLEM
    assert permissions.message.startswith("not allowed: lambda:InvokeFunction")
    assert "policies print render" in permissions.fix


async def test_permissions_that_only_a_feature_needs_are_a_notice_that_names_it() -> None:
    answers = prepared()
    answers["iam"] = [
        ("simulate_principal_policy", simulated(statement.actions, allowed=not statement.feature))
        for statement in statements("render", StackNames.of(STACK))
        for _ in statement.resources
    ]

    permissions = (await checkup(answers))["permissions"]

    assert permissions.health is Health.NOTICE
    assert "logs won't work without logs:FilterLogEvents" in permissions.message
    assert "--detach won't work without states:ListExecutions" in permissions.message
    assert "InvokeFunction" not in permissions.message


def simulated(actions: Sequence[str], *, allowed: bool) -> dict[str, Any]:
    decision = "allowed" if allowed else "implicitDeny"
    results = [{"EvalActionName": action, "EvalDecision": decision} for action in actions]
    return {"EvaluationResults": results}


async def test_what_may_not_be_asked_is_unknown_and_the_rest_is_looked_at() -> None:
    answers = prepared(simulation="AccessDenied")
    answers["service-quotas"] = [("list_service_quotas", "AccessDeniedException")]

    found = await checkup(answers)

    assert found["permissions"].health is Health.UNKNOWN
    assert found["quota of state transitions"].health is Health.UNKNOWN
    assert "policies print doctor" in found["quota of state transitions"].fix
    assert found["quota of workers"].health is Health.OK


async def test_fewer_workers_than_chunks_are_a_notice_with_the_place_to_ask_for_more() -> None:
    found = (await checkup(prepared(unreserved=10)))["quota of workers"]
    assert found.health is Health.NOTICE
    assert found.message == "10 chunks at once, 200 are planned: chunks will wait for workers"
    assert "Concurrent executions" in found.fix
    assert "--quota-code L-B99A9384 --desired-value 200" in found.fix

    found = (await checkup(prepared(reserved=50)))["quota of workers"]
    assert (found.health, found.message[:20]) == (Health.NOTICE, "50 chunks at once, 2")
    assert "helios:chunkConcurrency" in found.fix

    found = (await checkup(prepared(unreserved=10), chunks=8))["quota of workers"]
    assert found.health is Health.OK


async def test_a_workflow_that_its_quota_holds_up_is_a_notice() -> None:
    found = (await checkup(prepared(refill=100.0), chunks=10_000))["quota of state transitions"]

    assert found.health is Health.NOTICE
    assert "the workflow alone takes 300 s" in found.message


async def test_a_worker_that_did_not_start_and_a_machine_that_goes_are_problems() -> None:
    broken = {**ACTIVE, "State": "Failed", "StateReason": "image is gone"}

    found = await checkup(prepared(chunk=broken, status="DELETING"))

    assert found["chunk worker"].health is Health.PROBLEM
    assert "image is gone" in found["chunk worker"].message
    assert found["state machine"].health is Health.PROBLEM
    assert found["merge worker"].health is Health.OK


async def test_what_is_gone_is_a_problem() -> None:
    answers = prepared(chunk="ResourceNotFoundException")
    answers["stepfunctions"] = [("describe_state_machine", "StateMachineDoesNotExist")]

    found = await checkup(answers)

    for check in ("chunk worker", "state machine"):
        assert found[check].health is Health.PROBLEM
        assert "is not there" in found[check].message


async def test_the_lifecycle_of_a_given_bucket_is_looked_at_and_that_of_its_own_is_not() -> None:
    rule = {"ID": "assets", "Filter": {"Prefix": "assets/"}, "Expiration": {"Days": 9}}
    answers = prepared()
    answers["s3"] = [("get_bucket_lifecycle_configuration", {"Rules": []})]

    found = await checkup(answers, stack=STACK.model_copy(update={"lifecycle_rules": (rule,)}))

    assert found["lifecycle"].health is Health.NOTICE
    assert "lifecycle" not in await checkup(prepared())


async def test_a_profile_of_a_former_deployment_is_a_problem() -> None:
    other = STACK.model_copy(update={"chunk_function": "Films-WorkersChunk-Z"})

    found = (await checkup(prepared(parameter_answer=parameter(other))))["stack"]

    assert found.health is Health.PROBLEM
    assert found.fix == "orchestrator connect --stack Films --region eu-west-1"
