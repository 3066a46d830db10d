"""Makes commands of coroutine functions: flags and signals in, errors and exit status out."""

import asyncio
import dataclasses
import functools
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from helios.errors import EXIT_FAILED, EXIT_INTERRUPTED, Cancelled, HeliosError
from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Flags for the output of a command, in place of its parameter `display`."""

    json: flags.Json = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Show the output of workers.", rich_help_panel=flags.OUTPUT
        ),
    ] = False


def command(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Decorate a coroutine function that is a command, and takes a `display`.

    A parameter whose type is a dataclass is a group of flags: each of its fields, annotated as
    flags are, becomes one. A group may have a `heading`, which is that of its flags in `--help`.
    Keywords beyond the parameters (`**settings`) take the flags that the command's class adds.

    Ctrl-C and TERM stop the command. Errors are reported, and decide on the exit status.
    """
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind = Shown if parameter.name == "display" else parameter.annotation
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if dataclasses.is_dataclass(kind):
            groups[parameter.name] = kind
            parameters += _flags_of(kind)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def run(**values: Any) -> None:
        from orchestrator.display.choice import choose_display

        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{name: values.pop(name) for name in names})
        shown: Shown = values.pop("display")
        display = choose_display(as_json=shown.json, verbose=shown.verbose)
        try:
            asyncio.run(_until_done(function(display=display, **values), display))
        except KeyboardInterrupt:
            _fail(Cancelled("stopped"), display)
        except HeliosError as error:
            _fail(error, display)
        except BrokenPipeError:
            # The reader of the output has ended; Python's own last flush mustn't fail on it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_FAILED)

    # functools.wraps took over what only fits the function itself.
    run.__annotations__ = {}
    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _flags_of(group: Any) -> Iterator[inspect.Parameter]:
    heading = getattr(group, "heading", None)
    for field in dataclasses.fields(group):
        if heading is not None:
            (option,) = field.type.__metadata__  # type: ignore[union-attr]
            option.rich_help_panel = heading
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )


async def _until_done(work: Coroutine[Any, Any, None], display: "Display") -> None:
    from helios.process.stop_signals import call_on_stop

    task = asyncio.ensure_future(work)
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


def _fail(error: HeliosError, display: "Display") -> NoReturn:
    from orchestrator.cli.options.flag_names import name_flags

    name_flags(error)
    display.fail(error)
    sys.exit(EXIT_INTERRUPTED if isinstance(error, Cancelled) else error.exit_code)
