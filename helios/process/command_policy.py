"""Which arguments a command from a job spec may have: no file outside the job's folder.

A job spec may come from a stranger, and a worker's user can read more than the job's files. What a
program could do besides reading and writing files is limited for any program: it gets no
credentials (`credential_guard`) and no network (`without_network`). That is all that holds for
interpreters such as `sh` and `node`, where a deployment allows them: their arguments are code.
"""

import re
from collections.abc import Iterator, Sequence

from helios.errors import CommandForbidden

# A slash that begins an absolute path, wherever in an argument: after `=`, `:`, `|`, `,` and the
# like, also the one in `file:///` and `http://`. One after a word, as in `a/b` and `30000/1001`,
# or after a bracket, as in `(w-1)/2`, begins none.
_ABSOLUTE = re.compile(r"(?:^|[^\w.)\]}/-])/")
_PARENT = re.compile(r"(?:^|[^\w.])\.\.(?:/|$)|^~")
# One step up is inside as well: the folder that holds the job's is this command's own.
_ONE_STEP_UP = re.compile(r"^(--[\w-]+=)?\.\.(?:/|$)")
_URL = re.compile(r"https?://", re.IGNORECASE)
# Quoting inside of arguments, as ffmpeg's filters have it: what is left is what a name would be.
_QUOTING = str.maketrans("", "", "\\'\"")

#: Protocols that ffmpeg may open inputs by, also those that playlists name.
PROTOCOLS = "file,pipe"
_FFMPEG = frozenset({"ffmpeg", "ffprobe"})
_KNOWN = _FFMPEG | {"helios"}
# Options that would lift limits on what inputs may refer to.
_LIFTING = frozenset({"-protocol_whitelist", "-protocol_blacklist", "-safe", "-allowed_extensions"})


def confined(program: str, args: Sequence[str]) -> list[str]:
    """Return a command's arguments as a worker may run it.

    ffmpeg and ffprobe get a list of protocols for each input; other arguments stay as they are.

    Parameters
    ----------
    program:
        The executable, as the command names it.
    args:
        Its arguments.

    Raises
    ------
    CommandForbidden
        An argument names a file outside the command's folder, or lifts a limit.
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
    """Yield the arguments of `helios` that may name files: no props as JSON, no web address."""
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
