"""`orchestrator notify`: sends undelivered webhooks again."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def notify(
    display: "Display",
    jobs: flags.Jobs = None,
    job: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs.", show_default="all")
    ] = None,
) -> None:
    """Send undelivered webhooks again."""
    from helios.errors import WebhookUndelivered
    from orchestrator.api.jobs.job_store import JobStore
    from orchestrator.api.jobs.manager import manager_of

    async with JobStore(jobs).open() as repository:
        manager = manager_of(repository, display)
        ids = job or [found.id for found in await manager.undelivered()]
        left = [job_id for job_id in ids if not await manager.notify(job_id)]
    if left:
        raise WebhookUndelivered(f"webhooks of {len(left)} jobs: not taken", details=left)
    display.note("notified", f"jobs whose receivers know all: {len(ids)}", ids=ids)
