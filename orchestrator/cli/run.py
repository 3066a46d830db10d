"""`orchestrator run`: a job spec's chunks, then its merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import flags
from orchestrator.cli.flag_groups import Running, Shown, chosen_concurrency, with_groups
from orchestrator.cli.where import Where

if TYPE_CHECKING:
    from orchestrator.display import Display


@with_groups
def run(
    job: flags.SpecPath,
    running: Running,
    where: Where,
    shown: Shown,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The video: a file, or an s3:// or gs:// URL.",
            show_default="as the spec says",
        ),
    ] = None,
    concurrency: flags.Concurrency = None,
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that the job runs in.", show_default="the spec's folder"),
    ] = None,
) -> None:
    """Run a job spec: its chunks, then its merge."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec
        from orchestrator.cli.execution import execute
        from orchestrator.destination import Destination

        destination = None if output is None else Destination.of(output)
        where.check(destination, leaves_chunks=running.leaves_chunks)
        at_once = chosen_concurrency(concurrency, remote=where.is_remote)
        remote = where.remote(concurrency=at_once)
        await execute(
            JobSpec.load(job),
            job_file=job,
            job_dir=job_dir or job.parent,
            destination=destination,
            options=running.options(at_once, presign=where.presign),
            remote=remote,
            display=display,
        )

    shown.run(work)
