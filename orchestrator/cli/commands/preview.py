"""`orchestrator preview`: a page that shows a composition as the renderer sees it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import Capture, Cut, Page, Timing

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def preview(
    source: flags.Source,
    timing: Timing,
    page: Page,
    cut: Cut,
    frame: Capture,
    display: "Display",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1.", show_default="a free one")
    ] = 0,
    open_it: flags.Open = False,
) -> None:
    """Show a composition in a browser, at any frame as its video will have it, until Ctrl-C."""
    from orchestrator.api.rendering.settings import RenderSettings
    from orchestrator.cli.opening import open_result
    from orchestrator.preview.server import serve_preview

    keywords = keywords_of(timing, page, cut, frame)
    settings = RenderSettings.of(keywords)
    display.stopping = "the page can't be reached any more"
    async with serve_preview(source, settings, port=port, display=display) as url:
        display.answer("preview", url, url=url)
        if open_it:
            open_result(url, display)
        await asyncio.Event().wait()
