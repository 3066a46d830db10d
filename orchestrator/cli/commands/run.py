"""`orchestrator run`: runs the chunks of a job spec, then its merge."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.run_options import Chunks, JobFolder, Limits, Reports
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def run(
    job: flags.SpecPath,
    chunks: Chunks,
    limits: Limits,
    folder: JobFolder,
    where: TargetOptions,
    reports: Reports,
    display: "Display",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="The video: a file, or an s3:// or gs:// URL.",
            show_default="as the spec says",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    detach: flags.Detach = False,
    request_id: flags.RequestId = None,
) -> None:
    """Run a job spec: its chunks, then its merge."""
    from helios.errors import OptionInvalid
    from orchestrator.api.rendering.prepared_job import run_prepared
    from orchestrator.api.rendering.settings import RenderSettings
    from orchestrator.api.rendering.spec_runs import prepare_spec, submit_spec_file
    from orchestrator.cli.job_text import tell_submitted
    from orchestrator.delivery.destination import Destination

    settings = RenderSettings.of(keywords_of(chunks, limits, folder, reports))
    destination = None if output is None else Destination.of(output)
    if request_id is not None and not detach:
        raise OptionInvalid("`request_id`: goes with `submit`")
    if not detach:
        prepared = await prepare_spec(job, destination, where.targets(), settings)
        await run_prepared(prepared, settings.store, display)
        return
    submitted = await submit_spec_file(
        job,
        destination,
        where.deployment_name(),
        settings,
        request_id=request_id,
        target_settings=where.worker_settings(),
        display=display,
    )
    tell_submitted(display, submitted)
