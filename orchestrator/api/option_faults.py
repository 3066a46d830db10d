"""Validation of the keywords that a caller gives."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from helios.errors import OptionInvalid

_Settings = TypeVar("_Settings")


_adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)


def checked(kind: type[_Settings], keywords: Mapping[str, Any]) -> _Settings:
    """Return settings, a dataclass, by keywords.

    Raises:
        OptionInvalid: A value can't be worked with; the message names its keyword.
        TypeError: There is no such keyword.
    """
    check_names(keywords, kind.__dataclass_fields__)  # type: ignore[attr-defined]
    try:
        settings: _Settings = _adapter(kind).validate_python(dict(keywords))
    except ValidationError as fault:
        raise _invalid(fault) from None
    return settings


def check_names(keywords: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """Raise `TypeError` for a keyword that isn't allowed, as Python does."""
    for name in keywords:
        if name not in allowed:
            raise TypeError(f"unexpected keyword argument {name!r}")


def _invalid(fault: ValidationError) -> OptionInvalid:
    errors = fault.errors(include_url=False, include_context=False)
    faults = {
        str(e["loc"][0]): f"{e['input']}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in errors
    }
    told = [f"`{name}` {text}" for name, text in faults.items()]
    if len(told) == 1:
        return OptionInvalid(told[0])
    return OptionInvalid(f"{len(told)} settings can't be worked with", details=told)
