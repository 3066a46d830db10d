"""The API's settings as flags of the command line.

Messages name settings in backquotes, as keywords of the API.
"""

import re

from helios.errors import HeliosError
from orchestrator.model.render_fields import DEFAULTS, SETTINGS, flag_of

_NAME = re.compile(r"`(\w+)`")
#: Names of the API beside those of settings, and their flags.
_OTHERS = {
    "share": "--adapter",
    "submit": "--detach",
    "target": "--adapter",
    "Local": "--adapter local",
    "Lambda": "--adapter lambda",
    "CloudRun": "--adapter cloudrun",
}
#: Flags beside those of settings.
_MORE = {
    *("artifacts", "at", "columns", "count", "expires", "function", "impersonate", "like"),
    *("merge_function", "output", "port", "probe_each", "profile", "region", "request_id", "rows"),
    *("seconds_per_frame", "service_url", "stack", "state", "theme"),
}


def in_flags(text: str) -> str:
    """Return a message with each setting that it names in backquotes as its flag."""

    def flag(match: re.Match[str]) -> str:
        name = match[1]
        if name in _OTHERS:
            return _OTHERS[name]
        if name in SETTINGS:
            return flag_of(name, DEFAULTS[name] is not True)
        return f"--{name.replace('_', '-')}" if name in _MORE else match[0]

    return _NAME.sub(flag, text)


def name_flags(error: HeliosError) -> None:
    """Replace settings by flags in the texts of an error."""
    error.message = in_flags(error.message)
    error.hint = in_flags(error.hint)
    error.details = tuple(map(in_flags, error.details))
