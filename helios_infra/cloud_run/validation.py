"""Validation of settings, with a line for each fault."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from helios.errors import OptionInvalid

Model = TypeVar("Model", bound=BaseModel)


def checked(model: type[Model], values: Mapping[str, Any], *, what: str) -> Model:
    """Return values as a model, or raise `OptionInvalid` with a line for each fault."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as fault:
        details = [fault_line(error) for error in fault.errors(include_url=False)]
        raise OptionInvalid(f"{what}: {len(details)} fault(s)", details=details) from None


def fault_line(error: Mapping[str, Any]) -> str:
    """Return what pydantic says of one fault as a line: where, and what is wrong."""
    # As in files and in other messages: `kmsKey`, whichever form the caller used.
    parts = [str(part) for part in error["loc"]]
    where = ".".join(to_camel(part) if part.islower() else part for part in parts)
    missing = error["type"] == "missing"
    said = "is missing" if missing else error["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
