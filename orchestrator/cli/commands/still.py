"""`orchestrator still`: renders one frame to an image."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.render_options import Page
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def still(
    source: flags.Source,
    page: Page,
    where: TargetOptions,
    display: "Display",
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="The image: a .png or .jpg file, or an s3:// or gs:// URL."
        ),
    ],
    at: Annotated[
        str, typer.Option(metavar="WHEN", help="Frame, counted from 0, or time: 45, 1.5s, 1m30s.")
    ] = "0",
    fps: flags.Fps = None,
    jpeg_quality: flags.JpegQuality = None,
    retries: flags.Retries = 2,
    max_cost: flags.MaxCost = None,
    presign: flags.Presign = None,
    jobs: flags.Jobs = None,
) -> None:
    """Render one frame to an image, here or on remote workers."""

    from orchestrator.api.rendering.attached import RenderRequest, run_request

    keywords = page.keywords() | {
        "fps": fps,
        "jpeg_quality": jpeg_quality,
        "retries": retries,
        "max_cost": max_cost,
        "presign": presign,
        "job_store": jobs,
    }
    await run_request(RenderRequest.of(source, output, where.targets(), keywords, at=at), display)
