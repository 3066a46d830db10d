"""Checks the arguments of commands from job specs: no file outside the job's folder.

Job specs may be untrusted, and a worker's user can read more than the job's files. All programs run
without credentials (`credential_guard`) and network (`without_network`). Interpreters such as `sh`
and `node`, if a deployment allows them, have no other limits, as their arguments are code.
"""

import re
from collections.abc import Iterator, Sequence

from helios.errors import CommandForbidden

# A slash that begins an absolute path anywhere in an argument: after `=`, `:`, `|`, `,` and the
# like, also in `file:///` and `http://`. Slashes after a word, as in `a/b` and `30000/1001`, or
# after a bracket, as in `(w-1)/2`, don't.
_ABSOLUTE = re.compile(r"(?:^|[^\w.)\]}/-])/")
_PARENT = re.compile(r"(?:^|[^\w.])\.\.(?:/|$)|^~")
# One step up is allowed: the parent of the job's folder belongs to this command alone.
_ONE_STEP_UP = re.compile(r"^(--[\w-]+=)?\.\.(?:/|$)")
_URL = re.compile(r"https?://", re.IGNORECASE)
# Quoting characters inside arguments of ffmpeg's filters.
_QUOTING = str.maketrans("", "", "\\'\"")

#: Protocols that ffmpeg may open inputs with, including those in playlists.
PROTOCOLS = "file,pipe"
_FFMPEG = frozenset({"ffmpeg", "ffprobe"})
_KNOWN = _FFMPEG | {"helios"}
# Options that would lift the limits on inputs.
_LIFTING = frozenset({"-protocol_whitelist", "-protocol_blacklist", "-safe", "-allowed_extensions"})


def confined(program: str, args: Sequence[str]) -> list[str]:
    """Return the arguments with which a worker may run a program.

    ffmpeg and ffprobe get a list of allowed protocols for each input. Raises `CommandForbidden` if
    an argument names a file outside the command's folder, or lifts a limit.
    """
    if program not in _KNOWN:
        return list(args)
    for argument in args if program != "helios" else _without_values(args):
        if _leads_outside(argument):
            raise CommandForbidden(
                f"command: argument {argument!r} of {program} leads outside the job's folder",
                hint="Name files relative to the job's folder; bring others as assets.",
            )
    if program not in _FFMPEG:
        return list(args)
    for argument in args:
        if argument in _LIFTING:
            raise CommandForbidden(
                f"command: {program} may not get {argument} on a worker",
                hint="Leave the option out: inputs are files of the job's folder.",
            )
    if program == "ffprobe":
        return ["-protocol_whitelist", PROTOCOLS, *args]
    return [each for argument in args for each in _limited(argument)]


def _limited(argument: str) -> Sequence[str]:
    return ("-protocol_whitelist", PROTOCOLS, argument) if argument == "-i" else (argument,)


def _without_values(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments of `helios` that may name files, without JSON props and web addresses."""
    previous = ""
    for argument in args:
        name, _, value = argument.partition("=") if argument.startswith("--") else ("", "", "")
        is_json = (name or previous) == "--props" and (value or argument).lstrip().startswith("{")
        previous = argument
        if not is_json and not _URL.match(argument):
            yield argument


def _leads_outside(argument: str) -> bool:
    argument = _ONE_STEP_UP.sub(r"\1", argument, count=1)
    plain = argument.translate(_QUOTING)
    return any(
        pattern.search(text) for text in (argument, plain) for pattern in (_ABSOLUTE, _PARENT)
    )
