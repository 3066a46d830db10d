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
    open_it: flags.Open = False,
) -> None:
    """Render one frame to an image, here or on remote workers."""

    from orchestrator.api.rendering.attached import RenderRequest, run_request
    from orchestrator.cli.opening import check_openable, open_result

    keywords = keywords_of(page, frame)
    if open_it:
        check_openable(output, presign=keywords["presign"])
    await run_request(RenderRequest.of(source, output, where.targets(), keywords, at=at), display)
    if open_it:
        open_result(str(display.completed.get("link", output)), display)
