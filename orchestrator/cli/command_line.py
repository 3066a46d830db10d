"""Runs a command: signals and flags in, errors and exit status out."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from helios.errors import EXIT_FAILED, EXIT_INTERRUPTED, Cancelled, HeliosError, report
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Flags for the output of a command."""

    json: flags.Json = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Show the output of workers.", rich_help_panel=flags.OUTPUT
        ),
    ] = False

    def run(self, work: "Callable[[Display], Coroutine[Any, Any, None]]") -> None:
        """Run a command's work to its end; Ctrl-C and TERM stop it.

        Errors are reported here, and decide on the exit status.
        """
        from orchestrator.display.choice import choose_display

        display = choose_display(as_json=self.json, verbose=self.verbose)
        try:
            asyncio.run(_until_done(work, display))
        except KeyboardInterrupt:
            self._fail(display, Cancelled("stopped"))
        except HeliosError as error:
            self._fail(display, error)
        except BrokenPipeError:
            # The reader of the output has ended; Python's own last flush mustn't fail on it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_FAILED)

    def _fail(self, display: "Display", error: HeliosError) -> NoReturn:
        from orchestrator.cli.options.flag_names import name_flags

        name_flags(error)
        if self.json:
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


async def _until_done(
    work: "Callable[[Display], Coroutine[Any, Any, None]]", display: "Display"
) -> None:
    from helios.process.stop_signals import call_on_stop

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
            # Ctrl-C also reaches the browser of the probe, whose end then isn't a crash.
            raise Cancelled("stopped") from error
        raise
