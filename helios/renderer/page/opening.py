"""Opens pages in a browser."""

import contextlib
from collections.abc import AsyncIterator

from helios.renderer.browser.chromium import Browser
from helios.renderer.browser.devtools import Params
from helios.renderer.page.composition_page import CompositionPage
from helios.renderer.page.options import PageOptions
from helios.renderer.page.reports.page_log import PageLog


@contextlib.asynccontextmanager
async def open_page(
    browser: Browser, options: PageOptions, log: PageLog | None = None
) -> AsyncIterator[CompositionPage]:
    """Open an empty page of the given size."""
    devtools = browser.devtools
    params: Params = {"url": "about:blank", "width": options.width, "height": options.height}
    if browser.draws_on_demand:
        # A small window is cheap to draw and never shown; the page's own size is set by
        # `setDeviceMetricsOverride`.
        params |= {"enableBeginFrameControl": True, "width": 16, "height": 16}
    target = await devtools.send("Target.createTarget", params)
    attached = await devtools.send(
        "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
    )
    try:
        yield CompositionPage(browser, target["targetId"], attached["sessionId"], options, log)
    finally:
        # Not awaited, as a page that hangs doesn't answer.
        closing = devtools.start("Target.closeTarget", {"targetId": target["targetId"]})
        closing.add_done_callback(lambda future: future.cancelled() or future.exception())
