"""JSON of job specs: reading, and errors with the JSON path of each fault."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pydantic_core
from pydantic import ValidationError

from helios.errors import JobSpecInvalid

#: Largest size of a job spec in bytes (about 250,000 chunks).
MAX_SPEC_BYTES = 64 * 1024 * 1024
#: Faults that an error lists; further ones are counted.
MAX_FAULTS = 20
_HINT = "Compare it with `orchestrator schema`, or emit it again with `helios render --emit-job`."


def invalid_spec(faults: Iterable[str], *, source: str, count: int | None = None) -> JobSpecInvalid:
    """Return the error for faults, of which there are `count` if not all of them are given."""
    lines: list[str] = []
    total = 0
    for fault in faults:
        total += 1
        if total <= MAX_FAULTS:
            lines.append(fault)
    total = total if count is None else count
    if total > len(lines):
        lines.append(f"... and {total - len(lines)} more")
    plural = "fault" if total == 1 else "faults"
    message = f"{total} {plural} in the job spec"
    if source != "job spec":
        message = f"{source}: {message}"
    return JobSpecInvalid(message, hint=_HINT, details=lines)


def listed_faults(fault: ValidationError) -> Iterator[Mapping[str, Any]]:
    """Yield location and message of the first faults."""
    errors = fault.errors(include_url=False, include_context=False, include_input=False)
    for error in errors[:MAX_FAULTS]:
        yield {"loc": error["loc"], "msg": error["msg"]}


def read_spec_json(data: bytes | str, *, source: str) -> Any:
    """Return the JSON object in a job spec's text."""
    try:
        encoded = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise JobSpecInvalid(f"{source}: the text contains a lone surrogate", hint=_HINT) from None
    if len(encoded) > MAX_SPEC_BYTES:
        raise JobSpecInvalid(
            f"{source}: larger than {MAX_SPEC_BYTES // 2**20} MiB",
            hint="Cut the job into fewer chunks.",
        )
    try:
        value = pydantic_core.from_json(encoded.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as fault:
        raise JobSpecInvalid(
            f"{source}: not JSON: {fault}", hint=_HINT, details=[f"$: {fault}"]
        ) from None
    if not isinstance(value, dict):
        raise JobSpecInvalid(
            f"{source}: not a job spec", hint=_HINT, details=["$: should be a JSON object"]
        )
    return value
