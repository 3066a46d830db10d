"""Runs what a command does, at the edge to the user: signals in, errors and exit status out."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from helios.errors import EXIT_FAILED, EXIT_INTERRUPTED, Cancelled, HeliosError, report
from helios.process.stop_signals import call_on_stop
from orchestrator.display.choice import choose_display
from orchestrator.display.display import Display


def run_command(
    work: Callable[[Display], Coroutine[Any, Any, None]], *, as_json: bool, verbose: bool = False
) -> None:
    """Run a command to its end; Ctrl-C and TERM stop it, errors are told in one place.

    Parameters
    ----------
    work:
        What the command does.
    as_json, verbose:
        How it is shown.
    """
    display = choose_display(as_json=as_json, verbose=verbose)
    try:
        asyncio.run(_until_done(work, display))
    except KeyboardInterrupt:
        _fail(display, Cancelled("stopped"), as_json=as_json)
    except HeliosError as error:
        _fail(display, error, as_json=as_json)
    except BrokenPipeError:
        # Whoever read the output is gone; Python's own last flush mustn't fail on it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)


async def _until_done(
    work: Callable[[Display], Coroutine[Any, Any, None]], display: Display
) -> None:
    task = asyncio.ensure_future(work(display))
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            display.note("stopping", f"stopping: {display.stopping}")
            task.cancel()

    call_on_stop(stop)
    try:
        await task
    except asyncio.CancelledError:
        raise Cancelled("stopped") from None
    except HeliosError as error:
        if stopped and not isinstance(error, Cancelled):
            # Ctrl-C reaches the browser of a survey as well, whose end then isn't a crash.
            raise Cancelled("stopped") from error
        raise


def _fail(display: Display, error: HeliosError, *, as_json: bool) -> NoReturn:
    from orchestrator.cli.options.flag_names import name_flags

    name_flags(error)
    if as_json:
        display.note(
            "error",
            "",
            code=error.code,
            message=error.message,
            hint=error.hint,
            details=list(error.details),
            retryable=error.retryable,
        )
    else:
        print(report(error), file=sys.stderr)
    sys.exit(EXIT_INTERRUPTED if isinstance(error, Cancelled) else error.exit_code)
