"""Makes a command's parser from its function: parameters become arguments and flags.

`argparse` in place of a library, since every chunk is a start of this program.
"""

import argparse
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

Command = Callable[..., None]


@dataclass(frozen=True)
class Argument:
    """A positional argument; any number of them if the parameter is a list."""

    help: str


@dataclass(frozen=True)
class Flag:
    """A flag.

    Attributes:
        names: Its names, if not that of the parameter. The flag of a `bool` has no value; of two
            names, the one with `--no-` stands for False.
        default: Description of the default, if not its value.
        variable: Environment variable that gives the value if the flag isn't given.
        within: The numbers that are allowed.
        hidden: Whether `--help` omits it.
    """

    help: str = ""
    names: tuple[str, ...] = ()
    default: str = ""
    variable: str = ""
    within: range | None = None
    hidden: bool = False


def flags_of(command: Command) -> Iterator[tuple[inspect.Parameter, Flag, Sequence[str]]]:
    """Yield a command's flags: the parameter, the flag and all its names."""
    for parameter in inspect.signature(command).parameters.values():
        flag = get_args(parameter.annotation)[1]
        if isinstance(flag, Flag):
            yield parameter, flag, flag.names or (f"--{parameter.name.replace('_', '-')}",)


def run_command(program: str, command: Command, words: Sequence[str]) -> None:
    """Call a command with the arguments that words give; wrong ones end the program."""
    parser = argparse.ArgumentParser(program, description=command.__doc__, allow_abbrev=False)
    usage = "%(prog)s [FLAGS]"
    for parameter in inspect.signature(command).parameters.values():
        argument = get_args(parameter.annotation)[1]
        if isinstance(argument, Argument):
            kind, is_list = _type_of(parameter)
            number: dict[str, Any] = {"nargs": "*"} if is_list else {}
            parser.add_argument(parameter.name, type=kind, help=argument.help, **number)
            usage += f" [{parameter.name} ...]" if is_list else f" {parameter.name}"
    parser.usage = usage
    for parameter, flag, names in flags_of(command):
        _add_flag(parser, parameter, flag, names)
    # Arguments may stand between flags. A wrong flag is reported before a missing one.
    values = vars(parser.parse_intermixed_args(words))
    for parameter, _, names in flags_of(command):
        if values[parameter.name] is parameter.empty:
            parser.error(f"{'/'.join(names)} is required")
    command(**values)


def _add_flag(
    parser: argparse.ArgumentParser, parameter: inspect.Parameter, flag: Flag, names: Sequence[str]
) -> None:
    kind, _ = _type_of(parameter)
    default = parameter.default
    shared: dict[str, Any] = {"dest": parameter.name, "default": default}
    shared["help"] = argparse.SUPPRESS if flag.hidden else _help(flag, default)
    if kind is bool:
        negative = [name for name in names if name.startswith("--no-")] if names[1:] else []
        for action, group in (
            ("store_false", negative),
            ("store_true", set(names) - set(negative)),
        ):
            if group:
                parser.add_argument(*sorted(group, reverse=True), action=action, **shared)
        return
    shared["default"] = os.environ.get(flag.variable, default)
    shared["metavar"] = kind.__name__.lower()

    def convert(text: str) -> object:
        value = kind(text)
        if flag.within is not None and value not in flag.within:
            raise argparse.ArgumentTypeError(
                f"{text} is not from {flag.within[0]} to {flag.within[-1]}"
            )
        return value

    convert.__name__ = kind.__name__  # argparse calls it that in messages
    parser.add_argument(*names, type=convert, **shared)


def _help(flag: Flag, default: object) -> str:
    about = flag.help.replace("%", "%%")
    if default is inspect.Parameter.empty:
        return f"{about} [required]"
    shown = flag.default or ("" if default is None or default is False else str(default))
    return f"{about} [default: {shown}]" if shown else about


def _type_of(parameter: inspect.Parameter) -> tuple[Callable[[str], Any], bool]:
    """Return the type of a parameter's value, or of each one in its list; and if it is one."""
    annotation = get_args(parameter.annotation)[0]
    if type(None) in get_args(annotation):
        annotation = get_args(annotation)[0]
    is_list = get_origin(annotation) is list
    return get_args(annotation)[0] if is_list else annotation, is_list
