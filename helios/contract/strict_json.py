"""Parses JSON as the standard has it, in values that every other program can read."""

import json
import math
from typing import Any

#: Levels of arrays and objects; what is read can then be written again, wherever it is held.
MAX_DEPTH = 200
#: Digits of a whole number; browsers have no larger numbers than those of 309.
_MAX_DIGITS = 308


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text, which is UTF-8 if it is bytes.

    Raises:
        ValueError: It isn't JSON, has a number that isn't finite, or is nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")  # json.loads accepts other encodings too
    try:
        value = json.loads(
            text, parse_constant=_constant, parse_float=_decimal, parse_int=_whole_number
        )
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    return value


def _constant(name: str) -> None:
    # Python accepts NaN and Infinity; JSON doesn't.
    raise ValueError(f"{name} is not in the standard")


def _decimal(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _whole_number(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"{text[:20]}... is too large a number")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        holders = [one for one in level if isinstance(one, dict | list)]
        if not holders:
            return
        level = [
            inner for one in holders for inner in (one.values() if isinstance(one, dict) else one)
        ]
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} deep")
