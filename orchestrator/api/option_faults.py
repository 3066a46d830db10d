"""The error for settings that fail validation."""

from pydantic import ValidationError

from helios.errors import OptionInvalid


def invalid(fault: ValidationError) -> OptionInvalid:
    """Return the error that names each setting at fault."""
    errors = fault.errors(include_url=False, include_context=False)
    faults = {
        str(e["loc"][0]): f"{e['input']}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in errors
    }
    told = [f"`{name}` {text}" for name, text in faults.items()]
    if len(told) == 1:
        return OptionInvalid(told[0])
    return OptionInvalid(f"{len(told)} settings can't be worked with", details=told)
