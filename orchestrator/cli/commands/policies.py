"""`orchestrator policies`: the least that credentials must be allowed."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.policies import StackNames

app = typer.Typer(
    name="policies",
    help="The least IAM policies: print them, and see whether credentials meet them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Policy = Annotated[
    str, typer.Argument(metavar="POLICY", help="render, doctor or deploy.", show_default=False)
]
Expected = Annotated[
    bool, typer.Option("--expected", help="By patterns, for a stack that isn't deployed yet.")
]
#: What `make deploy` calls a stack.
_DEFAULT_STACK = "Helios"


@app.command("print")
@with_groups
def print_policy(
    shown: Shown,
    policy: Policy = "render",
    stack: flags.Stack = None,
    region: flags.Region = None,
    profile: flags.Profile = None,
    expected: Expected = False,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="Only for jobs below this folder of the bucket (render): those of a tenant, whose"
            " --artifacts is s3://BUCKET/FOLDER.",
            show_default="the whole bucket",
        ),
    ] = "",
) -> None:
    """Print a policy as IAM takes it."""

    async def work(display: "Display") -> None:
        from orchestrator.policies import document, with_prefix

        names = await _names(policy, stack, region=region, profile=profile, expected=expected)
        made = document(policy, with_prefix(names, policy, prefix))
        display.answer("policy", json.dumps(made, indent=2), policy=policy, document=made)

    shown.run(work)


@app.command()
@with_groups
def validate(
    shown: Shown,
    policy: Policy = "render",
    stack: flags.Stack = None,
    region: flags.Region = None,
    profile: flags.Profile = None,
    expected: Expected = False,
) -> None:
    """Simulate whether these credentials may do what a policy allows; exit status 0 if so."""

    async def work(display: "Display") -> None:
        from helios.errors import CheckupFailed
        from orchestrator.api.deployments import require
        from orchestrator.clouds.aws import AwsCalls
        from orchestrator.policies import statements
        from orchestrator.policies.simulation import denials, find_identity

        require("boto3", "policies", extra="aws")
        names = await _names(policy, stack, region=region, profile=profile, expected=expected)
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

    shown.run(work)


async def _names(
    policy: str, stack: str | None, *, region: str | None, profile: str | None, expected: bool
) -> "StackNames":
    """Return what the resources in question are called.

    Raises
    ------
    OptionInvalid
        There is no such policy.
    HeliosError
        The stack can't be found.
    """
    from helios.errors import OptionInvalid
    from orchestrator.api.deployments import find_deployment
    from orchestrator.model.deployment import CloudRunWorkers
    from orchestrator.policies import POLICIES, StackNames

    if policy not in POLICIES:
        raise OptionInvalid(f"policy {policy!r}: not known", hint=f"One of {', '.join(POLICIES)}.")
    # What deploying takes doesn't depend on a stack.
    if expected or policy == "deploy":
        return StackNames.expected(stack or _DEFAULT_STACK, region=region or "*")
    deployment = await find_deployment(stack=stack, region=region, profile=profile)
    if deployment is None:
        raise OptionInvalid(
            "which stack?", hint="Give --stack NAME, or --expected for one that isn't deployed yet."
        )
    if isinstance(deployment, CloudRunWorkers):
        raise OptionInvalid(
            f"{deployment}: on Google Cloud, roles take the place of policies",
            hint="docs/deploy-cloudrun.md lists them; deploying gives them to every --invoker.",
        )
    return StackNames.of(deployment)
