"""`orchestrator render`: renders a composition to a video."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Cut, Encoding, Picture, Seams, Sound, Timing
from orchestrator.cli.options.run_options import Chunks, Limits, Reports
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def render(
    source: flags.Source,
    output: flags.Output,
    timing: Timing,
    picture: Picture,
    sound: Sound,
    encoding: Encoding,
    cut: Cut,
    seams: Seams,
    chunks: Chunks,
    limits: Limits,
    where: TargetOptions,
    reports: Reports,
    display: "Display",
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="hls: a playlist (.m3u8) that grows while chunks are rendered.",
            show_default="by file name",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    job_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the spec and the chunks.",
            show_default="OUTPUT.job, beside it",
            rich_help_panel=flags.OUTPUT,
        ),
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep the job's folder after success.", rich_help_panel=flags.OUTPUT
        ),
    ] = False,
    incremental: Annotated[
        bool,
        typer.Option(
            "--incremental",
            help="Keep the chunks of the last such render that would be the same.",
            rich_help_panel=flags.CHUNKS,
        ),
    ] = False,
    detach: flags.Detach = False,
    request_id: flags.RequestId = None,
) -> None:
    """Plan, render and stitch: from a composition to a video."""
    from helios.errors import OptionInvalid
    from orchestrator.api.rendering.attached import RenderRequest, run_request
    from orchestrator.api.rendering.submission import submit_detached, submit_here
    from orchestrator.api.targets.target import Local
    from orchestrator.cli.job_text import tell_submitted

    keywords = keywords_of(timing, picture, sound, encoding, cut, seams, chunks, limits, reports)
    keywords |= {"format": format, "job_dir": job_dir, "keep": keep, "incremental": incremental}
    if request_id is not None and not detach:
        raise OptionInvalid("`request_id`: goes with `submit`")
    if not detach:
        await run_request(RenderRequest.of(source, output, where.targets(), keywords), display)
        return
    request = RenderRequest.of(source, output, Local(), keywords)
    if where.is_local:
        job_id = await submit_here(request, display)
        display.answer("started", job_id, id=job_id, state="running", new=True)
        return
    submitted, _ = await submit_detached(
        request,
        where.deployment_name(),
        request_id=request_id,
        target_settings=where.worker_settings(),
        display=display,
    )
    tell_submitted(display, submitted)
