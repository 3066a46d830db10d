"""`orchestrator run`: a job spec's chunks, then its merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import flags
from orchestrator.cli.flag_groups import Running, Shown, with_groups

if TYPE_CHECKING:
    from orchestrator.display import Display


@with_groups
def run(
    job: flags.SpecPath,
    running: Running,
    shown: Shown,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The video.", show_default="as the spec says"),
    ] = None,
    concurrency: flags.Concurrency = None,
    adapter: flags.Adapter = "local",
    job_dir: Annotated[
        Path | None,
        typer.Option(help="Folder that the job runs in.", show_default="the spec's folder"),
    ] = None,
) -> None:
    """Run a job spec: its chunks, then its merge."""

    async def work(display: "Display") -> None:
        from helios.job_spec import JobSpec
        from orchestrator.local_run import run_job
        from orchestrator.places import choose_adapter

        worker = choose_adapter(adapter)
        await run_job(
            JobSpec.load(job),
            adapter=worker,
            job_file=job,
            job_dir=job_dir or job.parent,
            output=output,
            options=running.options(concurrency),
            display=display,
        )

    shown.run(work)
