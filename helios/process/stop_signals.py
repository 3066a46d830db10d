"""Handles SIGINT and SIGTERM as requests to stop."""

import asyncio
import signal
from collections.abc import Callable


def call_on_stop(stop: Callable[[], object]) -> None:
    """Call `stop` in the running event loop at each SIGINT and SIGTERM.

    Unlike handlers of the loop, these outlast it: a signal after the loop's end does nothing, and
    doesn't kill the process while it reports how the first one ended it.
    """
    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
