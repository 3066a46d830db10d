"""Serves a composition, starts browsers, and loads it in each of them."""

import asyncio
import contextlib
import math
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helios.network.egress_proxy import egress_proxy
from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.chromium import Browser, open_browser
from helios.renderer.browser.network_flags import PROXY_VARIABLE, network_flags
from helios.renderer.composition import Composition
from helios.renderer.dialects import Source
from helios.renderer.media.playable_video import convert_mentioned
from helios.renderer.page import CompositionPage, PageLog, PageOptions, open_page

if TYPE_CHECKING:
    from helios.renderer.recorders.input_recorder import InputRecorder

#: Largest side in pixels of the tiles that Chromium draws a page in. Pages up to this size are one
#: tile: large gradients and shadows are set up for each tile, and in Chromium's default tiles of
#: 256 x 256 pixels such pages take twice the time (docs/benchmarks.md).
MAX_TILE_SIDE = 4096
#: Limit of threads that draw one page.
MAX_RASTER_THREADS = 4


@dataclass(frozen=True)
class RenderSession:
    """Pages that show one composition: a loaded one, and others that may still be loading.

    Attributes:
        another: Loads the composition in another page of the first page's browser, for a context.
            Meanwhile the first page must not be driven.
    """

    page: CompositionPage
    joining: Sequence[Awaitable[CompositionPage]]
    browser: str = ""
    another: Callable[[], AbstractAsyncContextManager[CompositionPage]] | None = None


@contextlib.asynccontextmanager
async def open_render_session(
    composition: Composition,
    options: PageOptions,
    *,
    frames: int = 0,
    pages: int = 1,
    log: PageLog | None = None,
    inputs: "InputRecorder | None" = None,
    raw_size: tuple[int, int] | None = None,
) -> AsyncIterator["RenderSession"]:
    """Load a composition at frame 0 in a number of browsers.

    Each page has its own browser, since pages of one browser wait for each other. The session opens
    as soon as its first page is loaded. Raises `HeliosError` if the composition can't be loaded, or
    no browser can be started.

    Args:
        frames: Number of frames that will be drawn, as far as is known.
        pages: Number of browsers.
        log: Receives log messages of the first page.
        inputs: Records the files and hosts that are requested. A proxy for this session observes
            all network requests of the browsers.
        raw_size: Width and height in pixels of pictures to get as raw frames, where browsers give
            them.
    """
    async with contextlib.AsyncExitStack() as stack:
        flags = raster_flags(options, pages)
        listener, port = None, None
        if composition.root is not None:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = listener.getsockname()[1]
        proxy = os.environ.get(PROXY_VARIABLE)
        if inputs is not None:
            proxy = await stack.enter_async_context(egress_proxy(inputs.policy()))
        network = network_flags(local_port=port, proxy=proxy)
        products: list[str] = []
        browsers: dict[int, Browser] = {}

        @contextlib.asynccontextmanager
        async def another() -> AsyncIterator[CompositionPage]:
            async with open_page(browsers[0], options, log) as page:
                await page.load(composition)
                yield page

        async def convert() -> None:
            if composition.root is not None:
                copied_for = 0 if options.reference else frames
                await convert_mentioned(
                    composition.root, frames=copied_for, allow_failure=options.allow_missing
                )

        # Conversion is not part of any time limit of the page.
        converted = asyncio.ensure_future(convert())

        async def load(number: int) -> CompositionPage:
            browser = await stack.enter_async_context(
                open_browser(extra_flags=flags, network=network, raw_size=raw_size)
            )
            browsers[number] = browser
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
                scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="helios-page-"))
                replacements = await asyncio.to_thread(
                    options.dialect.prepare,
                    Source(composition),
                    Path(scratch),
                    options.composition_id,
                )
                served = serve_folder(
                    composition.root,
                    listener,
                    inputs=inputs,
                    replacements=replacements,
                    # A project has more than its page.
                    serve_dot_files=composition.serves_page_folder,
                    video_frames=options.dialect.asks_for_video_frames,
                )
                await stack.enter_async_context(served)
            first = await loading[0]
            yield RenderSession(first, loading[1:], browser=products[0], another=another)
        finally:
            for task in (converted, *loading):
                task.cancel()
            await asyncio.gather(converted, *loading, return_exceptions=True)


def raster_flags(options: PageOptions, pages: int) -> list[str]:
    """Return the flags for drawing in several browsers at once: tile size, threads and scale."""
    threads = min(max((os.cpu_count() or 1) // pages, 1), MAX_RASTER_THREADS)
    return [
        f"--default-tile-width={_tile_side(options.width * options.scale)}",
        f"--default-tile-height={_tile_side(options.height * options.scale)}",
        f"--num-raster-threads={threads}",
        # The page's own scale factor affects layout alone; drawing uses the window's.
        f"--force-device-scale-factor={options.scale}",
    ]


def _tile_side(pixels: float) -> int:
    return min(math.ceil(pixels / 64) * 64, MAX_TILE_SIDE)
