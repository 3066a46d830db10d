"""Handles SIGINT and SIGTERM as requests to stop."""

import asyncio
import signal
from collections.abc import Callable


def call_on_stop(stop: Callable[[], object]) -> None:
    """Call `stop` in the running event loop at each Ctrl-C and SIGTERM.

    A loop's own handlers go with the loop: a second signal would then kill the process while it
    says what became of the first. These stay, and a signal after the loop's end does nothing.
    """
    loop = asyncio.get_running_loop()

    def handle(*_: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)
