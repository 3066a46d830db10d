"""The API's settings as flags of the command line.

Messages name settings in backquotes, as keywords of the API.
"""

import re

from helios.errors import HeliosError
from orchestrator.api.rendering.keywords import RenderKeywords

_NAME = re.compile(r"`(\w+)`")
#: Settings whose flags have other names.
_OTHERS = {
    "audio": "--no-audio",
    "job_store": "--jobs",
    "merge": "--no-merge",
    "only_chunks": "--chunk",
    "share": "--adapter",
    "size": "--width and --height",
    "submit": "--detach",
    "target": "--adapter",
    "Local": "--adapter local",
    "Lambda": "--adapter lambda",
    "CloudRun": "--adapter cloudrun",
}
#: Settings beside those of a render.
_MORE = (
    *("artifacts", "function", "impersonate", "merge_function", "profile", "region"),
    *(
        "service_url",
        "stack",
        "output",
        "request_id",
        "state",
        "like",
        "seconds_per_frame",
        "expires",
        "at",
    ),
)


def in_flags(text: str) -> str:
    """Return a message with each setting that it names in backquotes as its flag."""

    def flag(match: re.Match[str]) -> str:
        name = match[1]
        if name in _OTHERS:
            return _OTHERS[name]
        if name in RenderKeywords.__annotations__ or name in _MORE:
            return f"--{name.replace('_', '-')}"
        return match[0]

    return _NAME.sub(flag, text)


def name_flags(error: HeliosError) -> None:
    """Replace settings by flags in the texts of an error."""
    error.message = in_flags(error.message)
    error.hint = in_flags(error.hint)
    error.details = tuple(map(in_flags, error.details))
