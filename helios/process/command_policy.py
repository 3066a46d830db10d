"""Checks the arguments of commands from job specs: no file outside the job's folder.

Job specs may be untrusted, and a worker's user can read more than the job's files. All programs run
without credentials (`credential_guard`) and network (`without_network`). Interpreters such as `sh`
and `node`, if a deployment allows them, have no other limits, as their arguments are code.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from helios.errors import CommandForbidden
from helios.network.ffmpeg_inputs import local_input

# A slash that begins an absolute path anywhere in an argument: after `=`, `:`, `|`, `,`, `]` and
# the like, also in `file:///` and `http://`. Slashes after a word, as in `a/b` and `30000/1001`, or
# after a bracket, as in `(w-1)/2`, don't.
_ABSOLUTE = re.compile(r"(?:^|[^\w.)}/-])/")
_PARENT = re.compile(r"(?:^|[^\w.])\.\.(?:/|$)|^~")
# One step up is allowed: the parent of the job's folder belongs to this command alone.
_ONE_STEP_UP = re.compile(r"^(--[\w-]+=)?\.\.(?:/|$)")
_URL = re.compile(r"https?://", re.IGNORECASE)
# Quoting characters inside arguments of ffmpeg's filters.
_QUOTING = str.maketrans("", "", "\\'\"")

_FFMPEG = frozenset({"ffmpeg", "ffprobe"})
_KNOWN = _FFMPEG | {"helios"}
# Formats that commands may name beside those that consist of one file. ffmpeg itself keeps the
# files of a concat list below the list's folder, and gives them the same limits.
_FORMATS = (
    *("concat", "ffmetadata", "lavfi", "rawvideo", "u8"),
    *(f"{kind}{bits}le" for kind, bits in (("s", 16), ("s", 24), ("s", 32), ("f", 32), ("f", 64))),
)
# Options that lift limits on inputs, that take filters or options from a file, which isn't checked,
# or that write to a place that an input names.
_UNCHECKED = frozenset(
    {
        *("protocol_whitelist", "protocol_blacklist", "format_whitelist", "safe"),
        *("allowed_extensions", "allowed_segment_extensions", "extension_picky"),
        *("filter_script", "filter_complex_script", "graph_file", "hls_key_info_file"),
        *("pre", "apre", "fpre", "spre", "vpre", "dump_attachment"),
    }
)
# Filters that open files by themselves, without the input's limits, or that load native code. The
# name of an instance may follow, as in `movie@a-b=`, and may consist of any characters.
_OPENING = re.compile(
    r"(?:^|[^\w./-])(a?movie|subtitles|a?sendcmd|ladspa|lv2|frei0r(?:_src)?)\s*[@=]"
)
# Options whose value is a text or a file's name. The value of any other may be a graph of filters.
_WITHOUT_GRAPH = frozenset({"metadata", "program", "attach"})


def confined(program: str, args: Sequence[str]) -> list[str]:
    """Return the arguments with which a worker may run a program.

    ffmpeg and ffprobe get lists of allowed protocols and formats for each input. Raises
    `CommandForbidden` if an argument names a file outside the command's folder, or lifts a limit.
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
    if unchecked := next(chain(_unchecked_options(args), _opening_filters(args)), None):
        raise CommandForbidden(
            f"command: {program} may not get {unchecked} on a worker",
            hint="Inputs are single files of the job's folder (-i), and filters are arguments.",
        )
    limits = local_input(_FORMATS)
    if program == "ffprobe":
        return [*limits, *args]
    # An option before `-i` that lacks its value takes the next argument, which must not be a limit.
    limited = ("-nostdin", *limits, "-i")
    return [each for word in args for each in (limited if word == "-i" else (word,))]


def _unchecked_options(args: Sequence[str]) -> Iterator[str]:
    """Yield the options that get around the checks."""
    for argument in args:
        # `-/filter FILE` reads the value of an option from a file.
        if argument.startswith("-/"):
            yield "-/"
        elif argument.startswith("-") and argument.lstrip("-").partition(":")[0] in _UNCHECKED:
            yield argument
        # This protocol reads names of files from a file. Not only inputs open files by protocols.
        elif "concatf:" in argument.translate(_QUOTING):
            yield "concatf:"


def _opening_filters(args: Sequence[str]) -> Iterator[str]:
    """Yield the filters of `_OPENING` in arguments that may be graphs of filters."""
    # Inputs of the format lavfi are graphs. ffmpeg ignores the case of a format's name.
    inputs_are_graphs = any(argument.lower() == "lavfi" for argument in args)
    without_graph = _WITHOUT_GRAPH if inputs_are_graphs else _WITHOUT_GRAPH | {"i"}
    for previous, argument in pairwise(("", *args)):
        # An argument after no option is an output, or ffprobe's input.
        option = previous[1:].partition(":")[0] if previous.startswith("-") else "i"
        found = _OPENING.search(argument.translate(_QUOTING))
        if found and option not in without_graph:
            yield f"the filter {found[1]}"


def _without_values(args: Sequence[str]) -> Iterator[str]:
    """Yield the arguments of `helios` that may name files, without JSON props and web addresses."""
    previous = ""
    for argument in args:
        name, _, value = argument.partition("=") if argument.startswith("--") else ("", "", "")
        is_json = (name or previous) == "--props" and _is_json(value or argument)
        previous = argument
        # As a file name, an address with dots leads outside.
        is_address = _URL.match(argument) is not None and ".." not in argument.split("/")
        if not is_json and not is_address:
            yield argument


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _leads_outside(argument: str) -> bool:
    argument = _ONE_STEP_UP.sub(r"\1", argument, count=1)
    plain = argument.translate(_QUOTING)
    return any(
        pattern.search(text) for text in (argument, plain) for pattern in (_ABSOLUTE, _PARENT)
    )
