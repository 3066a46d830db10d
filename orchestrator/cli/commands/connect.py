"""`orchestrator connect`: stores the properties of a deployment in a profile."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment

#: Region of Google Cloud where none is given.
GOOGLE_REGION = "GOOGLE_CLOUD_REGION"


@command
async def connect(
    display: "Display",
    stack: flags.Stack = None,
    project: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Google Cloud project, in place of a stack on AWS."),
    ] = None,
    region: flags.Region = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the workers in the project.", show_default="helios-worker"),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the profile to write.", show_default="default"),
    ] = None,
) -> None:
    """Look up a deployment, and write a profile for other commands."""
    from orchestrator.model.deployment import DEFAULT_PROFILE, Profiles

    written = profile or DEFAULT_PROFILE
    if project is None:
        _check_only_on_google(name)
        found = await Deployed(stack=stack or _default_stack(), region=region).name().find()
    else:
        found = await _find_on_google(project, stack=stack, region=region, name=name)
    path = Profiles.of_user().write(written, found)
    display.note(
        "connected",
        f"{found}: profile {written} in {path}",
        profile=written,
        path=str(path),
        deployment=found.model_dump(mode="json"),
    )


async def _find_on_google(
    project: str, *, stack: str | None, region: str | None, name: str | None
) -> "Deployment":
    import os

    from helios.errors import OptionInvalid
    from orchestrator.api.targets.deployments import find_cloud_run_workers
    from orchestrator.clouds.cloud_run_workers import DEFAULT_NAME

    if stack is not None:
        raise OptionInvalid("--stack and --project: name two deployments")
    place = region or os.environ.get(GOOGLE_REGION)
    if not place:
        raise OptionInvalid(
            "--project: no region is given", hint=f"Give --region, or set {GOOGLE_REGION}."
        )
    return await find_cloud_run_workers(project, place, name or DEFAULT_NAME)


def _check_only_on_google(name: str | None) -> None:
    from helios.errors import OptionInvalid

    if name is not None:
        raise OptionInvalid(
            "--name: goes with --project", hint="A stack on AWS is named by --stack."
        )


def _default_stack() -> str:
    """Return the default name of a stack: that of `make deploy`."""
    import os

    from orchestrator.api.targets.deployments import STACK

    return os.environ.get(STACK) or "Helios"
