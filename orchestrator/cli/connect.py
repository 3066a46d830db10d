"""`orchestrator connect`: keeps what clients need to know of a deployment, under a name."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import flags
from orchestrator.cli.deployed import Deployed
from orchestrator.cli.flag_groups import Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.display import Display


@with_groups
def connect(
    shown: Shown,
    stack: flags.Stack = None,
    region: flags.Region = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the profile to write.", show_default="default"),
    ] = None,
) -> None:
    """Look a deployment up, and write a profile by which other commands find it."""

    async def work(display: "Display") -> None:
        from orchestrator.deployment import DEFAULT_PROFILE, Profiles

        name = profile or DEFAULT_PROFILE
        found = await Deployed(stack=stack or _default_stack(), region=region).find()
        path = Profiles.of_user().write(name, found)
        display.note(
            "connected",
            f"{found}: profile {name} in {path}",
            profile=name,
            path=str(path),
            deployment=found.model_dump(mode="json"),
        )

    shown.run(work)


def _default_stack() -> str:
    """Return the stack that is meant where none is named: what `make deploy` calls it."""
    import os

    from orchestrator.cli.deployed import STACK

    return os.environ.get(STACK) or "Helios"
