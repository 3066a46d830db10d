"""What credentials may do, as IAM's simulation tells it."""

from typing import Any, cast

import pytest

from helios.errors import AccessDenied
from orchestrator.clouds.aws import AwsCalls
from orchestrator.policies.documents import Statement
from orchestrator.policies.simulation import Identity, denials, find_identity
from tests.orchestrator.answers import Answers

ROLE = "arn:aws:iam::123456789012:role/team/renderers"
SESSION = Identity("arn:aws:sts::123456789012:assumed-role/renderers/ann", "123456789012")
USER = Identity("arn:aws:iam::123456789012:user/ann", "123456789012")
WANTED = [Statement("read", ["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::bucket/*"])]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


def calls(**prepared: list[tuple[Any, ...]]) -> AwsCalls:
    return AwsCalls(session=cast(Any, Answers(prepared)))


def results(**decisions: str) -> dict[str, Any]:
    return {
        "EvaluationResults": [
            {"EvalActionName": f"s3:{action}", "EvalDecision": decision}
            for action, decision in decisions.items()
        ]
    }


async def test_what_is_not_allowed_is_listed_with_the_resource() -> None:
    answered = results(GetObject="allowed", PutObject="implicitDeny")

    found = await denials(WANTED, USER, calls(iam=[("simulate_principal_policy", answered)]))

    assert [(denial.action, denial.resource) for denial in found] == [
        ("s3:PutObject", "arn:aws:s3:::bucket/*")
    ]


async def test_a_condition_is_simulated_with_a_value_that_fulfils_it() -> None:
    only = {"StringLike": {"s3:prefix": ["tenants/a/*"]}}
    wanted = Statement("list", ["s3:ListBucket"], ["arn:aws:s3:::bucket"], only)
    context = {
        "ContextKeyName": "s3:prefix",
        "ContextKeyValues": ["tenants/a/x"],
        "ContextKeyType": "string",
    }
    expected = {
        "PolicySourceArn": USER.arn,
        "ActionNames": ["s3:ListBucket"],
        "ResourceArns": ["arn:aws:s3:::bucket"],
        "ContextEntries": [context],
    }
    answer = ("simulate_principal_policy", results(ListBucket="allowed"), expected)

    assert await denials([wanted], USER, calls(iam=[answer])) == []


async def test_a_session_is_judged_by_its_role_whatever_the_roles_path() -> None:
    role = {
        "Role": {
            "Arn": ROLE,
            "Path": "/team/",
            "RoleName": "renderers",
            "RoleId": "AROAEXAMPLEEXAMPLE12",
            "CreateDate": 0,
        }
    }
    answered = results(GetObject="allowed", PutObject="explicitDeny")
    prepared = calls(iam=[("get_role", role), ("simulate_principal_policy", answered)])

    assert len(await denials(WANTED, SESSION, prepared)) == 1


async def test_a_role_that_may_not_be_read_is_guessed() -> None:
    answered = results(GetObject="allowed", PutObject="allowed")
    prepared = calls(iam=[("get_role", "AccessDenied"), ("simulate_principal_policy", answered)])

    assert await denials(WANTED, SESSION, prepared) == []


async def test_the_account_itself_may_do_everything_and_is_not_simulated() -> None:
    root = Identity("arn:aws:iam::123456789012:root", "123456789012")

    assert await denials(WANTED, root, calls(iam=[])) == []


async def test_credentials_that_may_not_simulate_are_an_error() -> None:
    prepared = calls(iam=[("simulate_principal_policy", "AccessDenied")])

    with pytest.raises(AccessDenied, match="IAM's simulation"):
        await denials(WANTED, USER, prepared)


async def test_credentials_tell_whose_they_are() -> None:
    told = {"Arn": USER.arn, "Account": USER.account, "UserId": "AIDAEXAMPLE"}

    assert await find_identity(calls(sts=[("get_caller_identity", told)])) == USER
