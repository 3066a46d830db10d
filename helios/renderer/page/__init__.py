"""A composition's page in a browser, driven frame by frame on virtual time."""

from helios.renderer.page.composition_page import CompositionPage
from helios.renderer.page.opening import open_page
from helios.renderer.page.options import (
    EPOCH_MS,
    LOAD_TIMEOUT,
    SETTLE_TIMEOUT,
    Declared,
    ImageFormat,
    PageOptions,
)
from helios.renderer.page.reports.page_log import PageLog

__all__ = [
    "EPOCH_MS",
    "LOAD_TIMEOUT",
    "SETTLE_TIMEOUT",
    "CompositionPage",
    "Declared",
    "ImageFormat",
    "PageLog",
    "PageOptions",
    "open_page",
]
