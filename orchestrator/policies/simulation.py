"""Simulates the permissions of credentials in IAM."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helios.errors import AccessDenied
from orchestrator.clouds.aws import AwsCalls
from orchestrator.policies.documents import Statement

_SESSION = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/.*"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of credentials."""

    #: The ARN of the caller.
    arn: str
    #: The account.
    account: str

    @property
    def is_root(self) -> bool:
        """Whether it is the account itself, which may do everything."""
        return self.arn.endswith(":root")


@dataclass(frozen=True, slots=True)
class Denial:
    """An action that isn't allowed, and on what; `feature` as in `Statement`."""

    purpose: str
    action: str
    resource: str
    feature: str = ""


async def find_identity(calls: AwsCalls) -> Identity:
    """Return the identity of the credentials."""
    client = calls.client("sts")
    told: Mapping[str, Any] = await calls.run("AWS credentials", client.get_caller_identity)
    return Identity(str(told["Arn"]), str(told["Account"]))


async def denials(
    statements: Sequence[Statement], identity: Identity, calls: AwsCalls
) -> list[Denial]:
    """Return the actions of some statements that an identity lacks.

    Policies of resources, and those of an organization that IAM doesn't see, aren't part of it.
    """
    if identity.is_root:
        return []
    principal = await _principal(identity, calls)
    client = calls.client("iam")
    found: list[Denial] = []
    for statement in statements:
        for resource in statement.resources:

            def simulate(
                statement: Statement = statement, resource: str = resource
            ) -> list[Mapping[str, Any]]:
                answer = client.simulate_principal_policy(
                    PolicySourceArn=principal,
                    ActionNames=list(statement.actions),
                    ResourceArns=[_example(resource)],
                    ContextEntries=_context(statement.conditions),
                )
                results: list[Mapping[str, Any]] = answer["EvaluationResults"]
                return results

            results = await calls.run("IAM's simulation", simulate)
            found += [
                Denial(
                    statement.purpose, str(result["EvalActionName"]), resource, statement.feature
                )
                for result in results
                if result["EvalDecision"] != "allowed"
            ]
    return found


async def _principal(identity: Identity, calls: AwsCalls) -> str:
    """Return the user or role whose policies count; sessions have none of their own."""
    session = _SESSION.fullmatch(identity.arn)
    if session is None:
        return identity.arn
    client = calls.client("iam")
    try:
        # The ARN of a session leaves out the role's path.
        role = await calls.run("IAM role", lambda: client.get_role(RoleName=session["role"]))
        return str(role["Role"]["Arn"])
    except AccessDenied:
        return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"


def _context(conditions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return values of a request's context by which conditions hold."""
    return [
        {
            "ContextKeyName": name,
            "ContextKeyValues": [_example(value) for value in values],
            "ContextKeyType": "string",
        }
        for comparison in conditions.values()
        for name, values in comparison.items()
    ]


def _example(resource: str) -> str:
    """Return a resource that a pattern stands for: IAM simulates single ones."""
    if resource == "*":
        return resource
    return resource.replace("*", "x")
