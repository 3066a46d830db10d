"""The checkup of a stack on AWS, and of the credentials that use it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from helios.errors import AccessDenied, HeliosError
from orchestrator.clouds.aws import AwsCalls
from orchestrator.clouds.aws_quota import available_workers
from orchestrator.clouds.aws_stack import find_stack
from orchestrator.doctor.base import (
    Check,
    Finding,
    Health,
    MakeAdapter,
    PlannedRender,
    look_at,
    missing_permissions,
    problem,
)
from orchestrator.doctor.bucket_lifecycle import lifecycle_finding
from orchestrator.doctor.trial import trial_findings
from orchestrator.model.deployment import AwsStack
from orchestrator.policies import StackNames, statements
from orchestrator.policies.simulation import Identity, denials, find_identity

#: State transitions of a chunk whose speed is limited: its execution begins, invokes, ends.
_TRANSITIONS_A_CHUNK = 3
#: Seconds that a workflow may be held up by that limit before it is worth a word.
_HELD_UP = 60
_QUOTAS = "https://console.aws.amazon.com/servicequotas"
_ALLOW = "Allow what `orchestrator policies print doctor` says, to have this looked at."
_DEPLOY = "Deploy the stack again."
_LAMBDA_QUOTA = f"""\
Ask for more of `Concurrent executions` of AWS Lambda: {_QUOTAS}, or
aws service-quotas request-service-quota-increase --region {{region}} \\
  --service-code lambda --quota-code L-B99A9384 --desired-value {{value}}"""


class AwsCheckup:
    """Looks at a stack, step by step; without credentials, at nothing."""

    def __init__(self, stack: AwsStack, calls: AwsCalls, *, plan: PlannedRender) -> None:
        self._stack = stack
        self._calls = calls
        self._plan = plan

    async def findings(self, make_adapter: MakeAdapter | None) -> AsyncIterator[Finding]:
        """Yield what is found, as it is found; with `make_adapter`, also by a trial."""
        try:
            identity = await find_identity(self._calls)
        except HeliosError as fault:
            yield problem("credentials", fault)
            return
        yield Finding("credentials", Health.OK, identity.arn)
        async for finding in look_at(self._checks(identity), to_be_allowed=_ALLOW):
            yield finding
        if make_adapter is None:
            return
        for finding in await trial_findings(
            self._stack.artifacts,
            renderer=make_adapter(self._stack.chunk_function),
            merge_adapter=make_adapter(self._stack.merge_function),
        ):
            yield finding

    def _checks(self, identity: Identity) -> list[Check]:
        stack = self._stack
        given = [("lifecycle", lambda: lifecycle_finding(stack, self._calls))]
        return [
            ("stack", self._is_known),
            ("permissions", lambda: self._permissions(identity)),
            ("chunk worker", lambda: self._function("chunk worker", stack.chunk_function)),
            ("merge worker", lambda: self._function("merge worker", stack.merge_function)),
            ("state machine", self._machine),
            *(given if stack.lifecycle_rules else []),
            ("quota of workers", self._concurrency),
            ("quota of state transitions", self._transitions),
        ]

    async def _is_known(self) -> Finding:
        found = await find_stack(self._stack.name, self._calls)
        if found == self._stack:
            return Finding("stack", Health.OK, f"{found}, {found.artifacts}")
        return Finding(
            "stack",
            Health.PROBLEM,
            f"{found}: was deployed anew since the profile was written",
            f"orchestrator connect --stack {found.name} --region {found.region}",
        )

    async def _permissions(self, identity: Identity) -> Finding:
        what = "permissions"
        try:
            wanted = statements("render", StackNames.of(self._stack))
            found = await denials(wanted, identity, self._calls)
        except AccessDenied:
            return Finding(
                what,
                Health.UNKNOWN,
                "these credentials may not ask IAM what they may do",
                "Allow what `orchestrator policies print doctor` says, or ask an administrator.",
            )
        if not found:
            return Finding(what, Health.OK, "all that renders take is allowed")
        return missing_permissions(
            ((denial.feature, denial.action) for denial in found),
            fix="Allow what `orchestrator policies print render` says.",
        )

    async def _function(self, what: str, name: str) -> Finding:
        client = self._calls.client("lambda")

        def ask() -> Mapping[str, Any]:
            try:
                answer: Mapping[str, Any] = client.get_function_configuration(FunctionName=name)
            except client.exceptions.ResourceNotFoundException:
                return {}
            return answer

        told = await self._calls.run(what, ask)
        if not told:
            return _gone(what, name)
        state, update = told.get("State", "Active"), told.get("LastUpdateStatus", "Successful")
        facts = f"{name}: {told['MemorySize']} MB, {told['Timeout']} s"
        if state in ("Active", "Inactive") and update == "Successful":
            return Finding(what, Health.OK, facts)
        reason = told.get("StateReason") or told.get("LastUpdateStatusReason") or "no reason given"
        if "InProgress" in update or state == "Pending":
            return Finding(what, Health.NOTICE, f"{facts}: is being changed", "Wait a minute.")
        return Finding(what, Health.PROBLEM, f"{facts}: {state}, {update}: {reason}", _DEPLOY)

    async def _machine(self) -> Finding:
        what, arn = "state machine", self._stack.state_machine
        client = self._calls.client("stepfunctions")

        def ask() -> Mapping[str, Any]:
            try:
                answer: Mapping[str, Any] = client.describe_state_machine(stateMachineArn=arn)
            except client.exceptions.StateMachineDoesNotExist:
                return {}
            return answer

        told = await self._calls.run(what, ask)
        if not told:
            return _gone(what, arn)
        name, status = told["name"], told.get("status", "ACTIVE")
        if status == "ACTIVE":
            return Finding(what, Health.OK, str(name))
        return Finding(what, Health.PROBLEM, f"{name}: {status}", _DEPLOY)

    async def _concurrency(self) -> Finding:
        what = "quota of workers"
        available, is_reserved = await available_workers(self._stack, self._calls)
        wanted = min(self._plan.concurrency, self._plan.chunks)
        facts = f"{available} chunks at once, {wanted} are planned"
        if available >= wanted:
            return Finding(what, Health.OK, facts)
        more = _LAMBDA_QUOTA.format(region=self._stack.region, value=wanted)
        fix = "Raise helios:chunkConcurrency, deploy again." if is_reserved else more
        return Finding(what, Health.NOTICE, f"{facts}: chunks will wait for workers", fix)

    async def _transitions(self) -> Finding:
        what = "quota of state transitions"
        client = self._calls.client("service-quotas")

        def ask() -> list[Mapping[str, Any]]:
            pages = client.get_paginator("list_service_quotas").paginate(ServiceCode="states")
            return [quota for page in pages for quota in page["Quotas"]]

        quotas = await self._calls.run(what, ask)
        rates = [
            float(quota["Value"])
            for quota in quotas
            if "statetransition" in quota["QuotaName"].replace(" ", "").lower()
            and "refill" in quota["QuotaName"].lower()
        ]
        if not rates:
            return Finding(what, Health.UNKNOWN, "AWS lists no quota of that name")
        seconds = self._plan.chunks * _TRANSITIONS_A_CHUNK / rates[0]
        facts = f"{rates[0]:g} a second, for {self._plan.chunks} chunks"
        if seconds <= _HELD_UP:
            return Finding(what, Health.OK, facts)
        return Finding(
            what,
            Health.NOTICE,
            f"{facts}: the workflow alone takes {seconds:.0f} s",
            f"Cut longer chunks, or ask for more of AWS Step Functions: {_QUOTAS}",
        )


def _gone(what: str, name: str) -> Finding:
    return Finding(what, Health.PROBLEM, f"{name}: is not there", _DEPLOY)
