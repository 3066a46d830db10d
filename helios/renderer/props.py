"""Props: the JSON object that a composition finds in `window.__HELIOS_PROPS__`."""

import json
from pathlib import Path
from typing import Any

from helios.errors import OptionInvalid


def read_props(text: str) -> dict[str, Any]:
    """Parse a `--props` value: a JSON object, or `@` and the name of a file with one.

    Raises `OptionInvalid` for anything else.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise OptionInvalid(f"props {text}: can't be read ({error})") from None
    try:
        props = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise OptionInvalid(
            f"props: not JSON ({error})", hint="""For instance --props '{"title": "Hello"}'."""
        ) from None
    if not isinstance(props, dict):
        raise OptionInvalid("props: must be a JSON object")
    return props


def _refuse(constant: str) -> None:
    # Python accepts NaN and Infinity; JSON, and with it the schema of job specs, doesn't.
    raise ValueError(f"{constant} is not in the standard")
