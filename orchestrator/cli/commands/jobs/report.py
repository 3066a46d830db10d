"""`orchestrator report`: what happened in a job, in one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def report(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file.", show_default="ID.html or ID.json"),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="html: a page that needs no network; json: for programs.",
            show_default="by file name, else html",
        ),
    ] = None,
) -> None:
    """Write a report of a job: a page with its timeline, pictures, times, errors and cost."""
    from helios.output import check_writable
    from orchestrator.cli.report_file import report_format, write_report

    kind = report_format(output, format)
    path = output or Path(f"{job}.{kind}")
    check_writable(path)
    await write_report(await where.find(job, display), path, kind, display)
