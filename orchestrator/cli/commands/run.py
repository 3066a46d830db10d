"""`orchestrator run`: a job spec's chunks, then its merge."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.detach_options import DetachOptions
from orchestrator.cli.options.flag_groups import Running, Shown, chosen_concurrency, with_groups
from orchestrator.cli.options.job_store_options import Registry
from orchestrator.cli.options.target_options import TargetOptions
from orchestrator.cli.options.webhook_options import WebhookOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@with_groups
def run(
    job: flags.SpecPath,
    running: Running,
    where: TargetOptions,
    detaching: DetachOptions,
    registry: Registry,
    telling: WebhookOptions,
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
        from helios.contract.job_spec import JobSpec
        from helios.errors import OptionInvalid
        from orchestrator.cli.execution import execute
        from orchestrator.delivery.destination import Destination

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
            settings=running.settings(at_once, stitch=where.stitch, presign=where.presign),
            resume=running.resume,
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
    detaching: DetachOptions,
    telling: WebhookOptions,
    where: TargetOptions,
    concurrency: int | None,
    display: "Display",
) -> None:
    from helios.contract.job_spec import JobSpec
    from orchestrator.cli.options.detach_options import find_detached_deployment, submit

    webhook = telling.of_detached()
    spec = JobSpec.load(job)
    await submit(
        spec.model_copy(update={"id": detaching.id_for(spec.id)}),
        await find_detached_deployment(where),
        job_dir=job_dir,
        own_files=[job],
        concurrency=concurrency,
        webhook=webhook,
        display=display,
    )
