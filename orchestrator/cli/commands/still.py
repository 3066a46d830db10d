"""`orchestrator still`: renders one frame to an image."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Page, Still
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def still(
    source: flags.Source,
    page: Page,
    frame: Still,
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
) -> None:
    """Render one frame to an image, here or on remote workers."""

    from orchestrator.api.rendering.attached import RenderRequest, run_request

    keywords = keywords_of(page, frame)
    await run_request(RenderRequest.of(source, output, where.targets(), keywords, at=at), display)
