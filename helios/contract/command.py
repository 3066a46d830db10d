"""Commands as text: split into arguments by quote rules, and written back. Never a shell."""

import re
import shlex
from collections.abc import Sequence

from helios.errors import CommandInvalid, JobSpecInvalid

# Possessive repeats keep a command of any length linear to split.
_PIECE = re.compile(
    r"""
      (?P<space> [ \t\r\n]++ )
    | (?P<plain> [^ \t\r\n'"\\]++ )
    | ' (?P<single> [^']*+ ) '
    | " (?P<double> (?: [^"\\]++ | \\. )*+ ) "
    | \\ (?P<escaped> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[^ \t\r\n]+")
_NEEDS_CARE = re.compile(r"['\"\\\0]")
_ESCAPE_IN_DOUBLE_QUOTES = re.compile(r'\\(["\\])')

#: Bytes of one argument, and of a command with its environment, that Linux starts a program with
#: (MAX_ARG_STRLEN; ARG_MAX at the usual stack limit of 8 MiB).
MAX_ARGUMENT_BYTES = 128 * 1024
MAX_COMMAND_BYTES = 2 * 1024 * 1024
#: Bytes that are left to a worker's environment.
ENVIRONMENT_BYTES = 128 * 1024
# A pointer to the argument, and the NUL character that ends it.
_ARGUMENT_OVERHEAD = 9

_AUDIO_FROM = "--audio-from"
# Flag that names the folder that a composition is served from.
_ROOT_FLAG = "--root"
_COMPOSITION_ID = "--composition"

_HINT = "Quote an argument that holds spaces; write a literal quote or backslash as \\' or \\\\."


def parse_command(command: str) -> list[str]:
    r"""Split a command into its executable and arguments, at spaces, tabs and line breaks.

    The quote rules are those of a POSIX shell: single quotes keep everything, double quotes keep
    everything but `\"` and `\\`, a backslash outside quotes keeps the next character. Nothing is
    expanded: `$VAR`, `;`, `|`, `*` and `~` are plain text. Raises `CommandInvalid` if a quote is
    never closed, a backslash escapes nothing, or there is a NUL character.
    """
    if not _NEEDS_CARE.search(command):
        return _WORD.findall(command)
    if "\0" in command:
        raise CommandInvalid(f"command: NUL character at position {command.index(chr(0))}")
    words: list[str] = []
    word: list[str] = []
    position = 0
    while position < len(command):
        piece = _PIECE.match(command, position)
        if piece is None:
            raise _fault(command, position)
        position = piece.end()
        kind = str(piece.lastgroup)
        if kind != "space":
            text = piece[kind]
            word.append(_ESCAPE_IN_DOUBLE_QUOTES.sub(r"\1", text) if kind == "double" else text)
        elif word:
            words.append("".join(word))
            word = []
    # An empty pair of quotes is a word too, so pieces are counted rather than characters.
    if word:
        words.append("".join(word))
    return words


def format_command(arguments: Sequence[str]) -> str:
    """Return the text that `parse_command` splits into exactly these arguments.

    Raises `CommandInvalid` if an argument holds a NUL character, which no program can be given.
    """
    for argument in arguments:
        if "\0" in argument:
            raise CommandInvalid(f"command: NUL character in argument {argument!r}")
    return shlex.join(arguments)


def check_length(arguments: Sequence[str]) -> None:
    """Raise `CommandInvalid` if a command is longer than Linux allows."""
    sizes = [len(argument.encode(errors="surrogateescape")) for argument in arguments]
    total = sum(sizes) + _ARGUMENT_OVERHEAD * len(sizes)
    if max(sizes) >= MAX_ARGUMENT_BYTES or total > MAX_COMMAND_BYTES - ENVIRONMENT_BYTES:
        raise too_long(arguments[0])


def too_long(program: str) -> CommandInvalid:
    """Return the error for a command that is too long to start."""
    return CommandInvalid(
        f"command: {program} gets more arguments than a program can be started with",
        hint="Cut the job into fewer chunks, give them shorter names, or move long values "
        "(--props) into a file of the composition.",
    )


def _fault(command: str, position: int) -> CommandInvalid:
    character = command[position]
    if character == "\\":
        return CommandInvalid("command: a backslash at its end escapes nothing", hint=_HINT)
    excerpt = command[position : position + 40]
    return CommandInvalid(
        f"command: the quote at position {position} is never closed: {excerpt!r}", hint=_HINT
    )


def composition_places(words: Sequence[str]) -> list[int]:
    """Return the places of the compositions that a command of `helios` names.

    Raises:
        JobSpecInvalid: The command doesn't begin with its composition.
    """
    if words[:2] in (["helios", "render"], ["helios", "still"]) and len(words) > 2:
        if words[2].startswith("-"):
            raise JobSpecInvalid(
                f"command {format_command(words[:4])!r}: it doesn't begin with its composition",
                hint=f"Name the composition right after `helios {words[1]}`.",
            )
        return [2]
    if words[:2] == ["helios", "merge"] and _AUDIO_FROM in words[:-1]:
        return [words.index(_AUDIO_FROM) + 1]
    return []


def served_root(words: Sequence[str]) -> str | None:
    """Return the folder that a command serves a composition from, if it names one."""
    return _value_of(_ROOT_FLAG, words)


def root_places(words: Sequence[str]) -> list[int]:
    """Return the place of the folder that a command serves a composition from, if it names one."""
    return _value_places(_ROOT_FLAG, words)


def composition_id(words: Sequence[str]) -> str | None:
    """Return the id of the composition to show, where the command's file holds several."""
    return _value_of(_COMPOSITION_ID, words)


def _value_of(flag: str, words: Sequence[str]) -> str | None:
    return next((words[place] for place in _value_places(flag, words)), None)


def _value_places(flag: str, words: Sequence[str]) -> list[int]:
    return [words.index(flag) + 1] if flag in words[:-1] else []
