"""`orchestrator cancel`: ends a job that is kept, or a render that runs in the cloud."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options.deployment_options import Deployed
from orchestrator.cli.options.flag_groups import Shown, with_groups
from orchestrator.cli.options.job_store_options import Registry

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@with_groups
def cancel(
    job: Annotated[str, typer.Argument(metavar="ID", help="A job, or a render that was detached.")],
    registry: Registry,
    deployed: Deployed,
    shown: Shown,
    reason: Annotated[
        str, typer.Option(help="Why a detached render is stopped, for whoever asks later.")
    ] = "stopped by its owner",
) -> None:
    """Cancel a job, wherever it runs: what runs is ended, finished chunks are kept."""

    async def work(display: "Display") -> None:
        from helios.errors import JobNotFound
        from orchestrator.cli.commands.detached import cancel_render

        try:
            await _cancel_kept(job, registry, display)
        except JobNotFound:
            deployment = await deployed.find_if_named()
            if deployment is None:
                raise
            await cancel_render(job, deployment, reason=reason, display=display)

    shown.run(work)


async def _cancel_kept(job: str, registry: Registry, display: "Display") -> None:
    from orchestrator.cli.commands.job_life import manager_of, tell_state

    async with registry.open() as repository:
        summary = await manager_of(repository, display).cancel(job)
        tell_state(display, summary, registry)
