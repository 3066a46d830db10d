"""Runs a command's coroutine: reports errors, and cleans up on Ctrl-C and SIGTERM."""

import sys
from collections.abc import Coroutine
from typing import Any

from helios.errors import EXIT_INTERRUPTED, HeliosError, report


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; exit with its error's status if it fails."""
    import asyncio

    from helios.process.stop_signals import call_on_stop

    async def until_stopped() -> None:
        task = asyncio.current_task()
        if task is not None:
            call_on_stop(task.cancel)
        await work

    try:
        asyncio.run(until_stopped())
    except HeliosError as error:
        print(report(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; no partial output is left", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
