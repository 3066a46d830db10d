"""Everything a composition needs to play: its folder served, browsers started, pages loaded."""

import asyncio
import contextlib
import math
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helios.network.egress_proxy import egress_proxy
from helios.renderer.browser.chromium import open_browser
from helios.renderer.browser.network_flags import PROXY_VARIABLE, network_flags
from helios.renderer.composition import Composition
from helios.renderer.media.playable_video import convert_mentioned
from helios.renderer.page import CompositionPage, PageLog, PageOptions, open_page

if TYPE_CHECKING:
    from helios.renderer.input_recorder import ReadLog

#: Largest width and height in pixels of the tiles that Chromium draws a page in. Up to here a page
#: is one tile: a large gradient or shadow is set up anew for each, and in Chromium's own tiles of
#: 256 x 256 such pages cost twice the time. What was tried is in docs/benchmarks.md.
MAX_TILE_SIDE = 4096
#: Threads that draw one page at most.
MAX_RASTER_THREADS = 4


@dataclass(frozen=True)
class Stage:
    """Pages that show one composition: the first, and those that join it when they have loaded.

    Attributes
    ----------
    browser:
        Name and version of the browser.
    """

    page: CompositionPage
    joining: Sequence[Awaitable[CompositionPage]]
    browser: str = ""


@contextlib.asynccontextmanager
async def open_stage(
    composition: Composition,
    options: PageOptions,
    *,
    pages: int = 1,
    log: PageLog | None = None,
    reads: "ReadLog | None" = None,
) -> AsyncIterator["Stage"]:
    """Load a composition into as many browsers as asked, each at frame 0.

    A browser of its own for each page: within one browser, pages wait for each other. The stage
    is ready with its first page; the others may still be loading.

    Parameters
    ----------
    pages:
        Number of browsers.
    log:
        Is told what the first page logs.
    reads:
        Takes note of what is read. A proxy of its own shows it what goes to the network, whoever
        in the browser asks.

    Raises
    ------
    HeliosError
        The composition can't be loaded, or no browser can be started.
    """
    async with contextlib.AsyncExitStack() as stack:
        flags = raster_flags(options, pages)
        listener, port = None, None
        if composition.root is not None:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = listener.getsockname()[1]
        proxy = os.environ.get(PROXY_VARIABLE)
        if reads is not None:
            proxy = await stack.enter_async_context(egress_proxy(reads.policy()))
        network = network_flags(local_port=port, proxy=proxy)
        products: list[str] = []

        async def convert() -> None:
            if composition.root is not None:
                await convert_mentioned(composition.root, allow_failure=options.allow_missing)

        # Takes as long as it takes: no time limit of the page's runs yet.
        converted = asyncio.ensure_future(convert())

        async def load(number: int) -> CompositionPage:
            browser = await stack.enter_async_context(
                open_browser(extra_flags=flags, network=network)
            )
            version = await browser.devtools.send("Browser.getVersion")
            products.append(version["product"])
            page_log = log if number == 0 else None
            page = await stack.enter_async_context(open_page(browser, options, page_log))
            await asyncio.shield(converted)
            await page.load(composition)
            return page

        loading = [asyncio.ensure_future(load(number)) for number in range(pages)]
        try:
            await asyncio.sleep(0)
            if composition.root is not None and listener is not None:
                # Takes a seventh of a second to import, in which browsers start by themselves.
                from helios.renderer.asset_server import serve_folder  # noqa: PLC0415

                served = serve_folder(composition.root, listener, reads=reads)
                await stack.enter_async_context(served)
            first = await loading[0]
            yield Stage(first, loading[1:], browser=products[0])
        finally:
            for task in (converted, *loading):
                task.cancel()
            await asyncio.gather(converted, *loading, return_exceptions=True)


def raster_flags(options: PageOptions, pages: int) -> list[str]:
    """Return the browser's flags on which a page's pixels and the speed of drawing it depend.

    Parameters
    ----------
    pages:
        Number of browsers that draw at the same time.
    """
    threads = min(max((os.cpu_count() or 1) // pages, 1), MAX_RASTER_THREADS)
    return [
        f"--default-tile-width={_tile_side(options.width * options.scale)}",
        f"--default-tile-height={_tile_side(options.height * options.scale)}",
        f"--num-raster-threads={threads}",
        # The page's own factor reaches its layout alone; what is drawn has the window's.
        f"--force-device-scale-factor={options.scale}",
    ]


def _tile_side(pixels: float) -> int:
    return min(math.ceil(pixels / 64) * 64, MAX_TILE_SIDE)
