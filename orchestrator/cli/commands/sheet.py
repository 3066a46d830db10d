"""`orchestrator sheet`: frames of a composition or a video in one image."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Capture, Page, Timing

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def sheet(
    source: Annotated[
        str, typer.Argument(metavar="INPUT|VIDEO", help="A composition, or a video file.")
    ],
    timing: Timing,
    page: Page,
    frame: Capture,
    display: "Display",
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="The image: a .png or .jpg file, or an s3:// or gs:// URL.",
            rich_help_panel=flags.OUTPUT,
        ),
    ],
    count: Annotated[
        int,
        typer.Option(help="Number of frames, from the first to the last.", show_default="16"),
    ] = 16,
    columns: Annotated[
        int | None,
        typer.Option(
            help="Frames in a row.", show_default="4; 6 of upright videos; more of many frames"
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels/--no-labels", help="Write time and number below each frame.")
    ] = True,
    theme: Annotated[str, typer.Option(metavar="dark|light", help="Colours of the sheet.")] = (
        "dark"
    ),
    open_it: flags.Open = False,
) -> None:
    """Put frames of a composition or a video side by side into one image."""
    from orchestrator.api.rendering.settings import RenderSettings
    from orchestrator.api.sheets.layout import SheetLayout
    from orchestrator.api.sheets.sheet import make_sheet
    from orchestrator.cli.opening import check_openable, open_result

    if open_it:
        check_openable(output, presign=None)
    keywords = keywords_of(timing, page, frame)
    layout = SheetLayout(count=count, columns=columns, labels=labels, theme=theme)  # type: ignore[arg-type]
    made = await make_sheet(source, output, layout, RenderSettings.of(keywords), display)
    display.complete(
        f"{made.location}: {len(made.frames)} of {made.total} frames",
        output=made.location,
        frames=list(made.frames),
        total=made.total,
    )
    if open_it:
        open_result(made.location, display)
