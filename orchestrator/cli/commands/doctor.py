"""`orchestrator doctor`: checks whether a render can succeed, and how to fix what prevents it."""

from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.deployment_options import Deployed

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.doctor import Finding

_MARKS = {"ok": "ok     ", "notice": "notice ", "problem": "PROBLEM", "unknown": "unknown"}


@command
async def doctor(
    deployed: Deployed,
    display: "Display",
    concurrency: flags.Concurrency = None,
    chunks: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of chunks of the planned render.", show_default="as --concurrency"
        ),
    ] = None,
    trial: Annotated[
        bool,
        typer.Option("--trial/--no-trial", help="Let the workers render and stitch two frames."),
    ] = True,
) -> None:
    """Check this machine, credentials and deployment; exit status 0 if a render can succeed."""
    from helios.errors import CheckupFailed
    from orchestrator.api.targets.checkup import findings
    from orchestrator.doctor import Health

    problems = 0
    async for finding in findings(
        deployed.name(), concurrency=concurrency, chunks=chunks, trial=trial
    ):
        problems += finding.health is Health.PROBLEM
        display.answer(
            "finding",
            _described(finding),
            check=finding.check,
            health=str(finding.health),
            message=finding.message,
            fix=finding.fix,
        )
    if problems:
        count = "1 problem" if problems == 1 else f"{problems} problems"
        raise CheckupFailed(f"{count} found", hint="Each has its fix beside it.")
    display.note("completed", "no problem found")


def _described(finding: "Finding") -> str:
    line = f"{_MARKS[finding.health]}  {finding.check}: {finding.message}"
    return f"{line}\n{indent(finding.fix, ' ' * 9)}" if finding.fix else line
