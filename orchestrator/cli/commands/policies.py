"""`orchestrator policies`: the minimal IAM policies for credentials."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options.deployment_options import Deployed

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.policies import StackNames

app = typer.Typer(
    name="policies",
    help="Print the minimal IAM policies, and check credentials against them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

#: The stack's name in `make deploy`.
_DEFAULT_STACK = "Helios"


@dataclass(frozen=True, kw_only=True)
class PolicyOptions(Deployed):
    """A policy, and the stack whose resources it names."""

    policy: Annotated[
        str, typer.Argument(metavar="POLICY", help="render, doctor or deploy.", show_default=False)
    ] = "render"
    expected: Annotated[
        bool, typer.Option("--expected", help="By name patterns, for a stack not deployed yet.")
    ] = False

    async def names(self) -> "StackNames":
        """Return the names of the resources."""
        from helios.errors import OptionInvalid
        from orchestrator.model.deployment import CloudRunWorkers
        from orchestrator.policies import POLICIES, StackNames

        if self.policy not in POLICIES:
            raise OptionInvalid(
                f"policy {self.policy!r}: not known", hint=f"One of {', '.join(POLICIES)}."
            )
        # The policy of deploying doesn't depend on a stack.
        if self.expected or self.policy == "deploy":
            return StackNames.expected(self.stack or _DEFAULT_STACK, region=self.region or "*")
        deployment = await self.name().find_if_named()
        if deployment is None:
            raise OptionInvalid(
                "which stack?",
                hint="Give --stack NAME, or --expected for one that isn't deployed yet.",
            )
        if isinstance(deployment, CloudRunWorkers):
            raise OptionInvalid(
                f"{deployment}: on Google Cloud, roles take the place of policies",
                hint="docs/deploy-cloudrun.md lists them; deploying gives them to every --invoker.",
            )
        return StackNames.of(deployment)


@app.command("print")
@command
async def print_policy(
    options: PolicyOptions,
    display: "Display",
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Only for jobs below this folder of the bucket (render), as for a tenant whose"
            " --artifacts is s3://BUCKET/FOLDER.",
            show_default="the whole bucket",
        ),
    ] = None,
) -> None:
    """Print a policy as IAM takes it."""
    from orchestrator.policies import document, with_prefix

    policy = options.policy
    made = document(policy, with_prefix(await options.names(), policy, prefix))
    display.answer("policy", json.dumps(made, indent=2), policy=policy, document=made)


@app.command()
@command
async def validate(options: PolicyOptions, display: "Display") -> None:
    """Simulate whether these credentials have the permissions of a policy; exit status 0 if so."""
    from helios.errors import CheckupFailed
    from orchestrator.clouds.aws import AwsCalls
    from orchestrator.clouds.packages import require
    from orchestrator.policies import statements
    from orchestrator.policies.simulation import denials, find_identity

    require("boto3", "policies", extra="aws")
    policy, names = options.policy, await options.names()
    calls = AwsCalls(region=None if names.region == "*" else names.region)
    identity = await find_identity(calls)
    found = await denials(statements(policy, names), identity, calls)
    if found:
        raise CheckupFailed(
            f"{identity.arn}: may not do all that the policy {policy} allows",
            details=[f"{denial.action} on {denial.resource}" for denial in found],
            hint=f"Allow what `orchestrator policies print {policy}` says.",
        )
    display.note(
        "completed",
        f"{identity.arn}: may do all that the policy {policy} allows",
        policy=policy,
        identity=identity.arn,
    )
