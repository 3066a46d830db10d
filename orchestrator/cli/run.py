"""`orchestrator run`: a job spec's chunks, then its merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import flags
from orchestrator.cli.detaching import Detaching
from orchestrator.cli.flag_groups import Running, Shown, chosen_concurrency, with_groups
from orchestrator.cli.registry import Registry
from orchestrator.cli.telling import Telling
from orchestrator.cli.where import Where

if TYPE_CHECKING:
    from orchestrator.display import Display


@with_groups
def run(
    job: flags.SpecPath,
    running: Running,
    where: Where,
    detaching: Detaching,
    registry: Registry,
    telling: Telling,
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
        from helios.errors import OptionInvalid
        from helios.job_spec import JobSpec
        from orchestrator.cli.execution import execute
        from orchestrator.destination import Destination

        destination = None if output is None else Destination.of(output)
        detaching.check(where, running, telling, destination)
        if detaching.detach:
            if destination is not None:
                raise OptionInvalid(
                    "--output: doesn't go with --detach",
                    hint="The job names its video; `orchestrator fetch ID -o OUT` brings it.",
                )
            await _detach(
                job,
                job_dir or job.parent,
                detaching=detaching,
                telling=telling,
                where=where,
                concurrency=concurrency,
                display=display,
            )
            return
        where.check(destination, leaves_chunks=running.leaves_chunks)
        running.check(remote=where.is_remote)
        at_once = chosen_concurrency(concurrency, remote=where.is_remote)
        adapters = (await where.found()).adapters()
        await execute(
            JobSpec.load(job),
            name=str(job),
            adapters=adapters,
            job_file=job,
            job_dir=job_dir or job.parent,
            destination=destination,
            options=running.options(at_once, stitch=where.stitch, presign=where.presign),
            keep=True,
            registry=registry,
            telling=telling,
            display=display,
        )

    shown.run(work)


async def _detach(
    job: Path,
    job_dir: Path,
    *,
    detaching: Detaching,
    telling: Telling,
    where: Where,
    concurrency: int | None,
    display: "Display",
) -> None:
    from helios.job_spec import JobSpec
    from orchestrator.cli.detaching import find_place, submit

    webhook = telling.of_detached()
    spec = JobSpec.load(job)
    await submit(
        spec.model_copy(update={"id": detaching.id_for(spec.id)}),
        await find_place(where),
        job_dir=job_dir,
        own_files=[job],
        concurrency=concurrency,
        webhook=webhook,
        display=display,
    )
