"""Props: the JSON object that a composition finds in `window.__HELIOS_PROPS__`."""

from pathlib import Path
from typing import Any

from helios.contract.strict_json import parse_json
from helios.errors import OptionInvalid


def read_props(text: str) -> dict[str, Any]:
    """Parse a `--props` value: a JSON object, or `@` and the name of a file with one.

    Raises `OptionInvalid` for anything else.
    """
    if not text.startswith("@"):
        return parse_props(text)
    try:
        content = Path(text[1:]).read_text("utf-8")
    except (OSError, ValueError) as error:  # not UTF-8, a NUL in the name
        raise OptionInvalid(f"props {text}: can't be read ({error})") from None
    return parse_props(content, source=f"props {text}")


def parse_props(text: str, *, source: str = "props") -> dict[str, Any]:
    """Parse a JSON object of props.

    Args:
        source: What errors call the text.

    Raises:
        OptionInvalid: It isn't JSON, or no object.
    """
    try:
        props = parse_json(text)
    except ValueError as error:
        raise OptionInvalid(
            f"{source}: not JSON ({error})", hint="""For instance --props '{"title": "Hello"}'."""
        ) from None
    if not isinstance(props, dict):
        raise OptionInvalid(f"{source}: must be a JSON object")
    return props
