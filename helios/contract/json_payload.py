"""Parses JSON payloads of requests and answers."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from helios.contract.strict_json import parse_json
from helios.contract.wire_model import WireModel
from helios.errors import InvocationInvalid, PayloadTooLarge

#: Bytes of an invocation's JSON.
MAX_INVOCATION_BYTES = 1024 * 1024
# Levels of nesting of an invocation's JSON.
_MAX_DEPTH = 64
_Model = TypeVar("_Model", bound=WireModel)


def parse_payload(model: type[_Model], payload: object) -> _Model:
    """Validate a JSON value, or its text; `InvocationInvalid` has one line per fault."""
    value = json_object(payload)
    try:
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as fault:
        details = [
            f"$.{'.'.join(map(str, e['loc']))}: {e['msg']}".replace("$.:", "$:")
            for e in fault.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvocationInvalid(
            f"{model.__name__}: {len(details)} fault(s) in the payload", details=details
        ) from None


def json_object(payload: object) -> Mapping[str, Any]:
    """Return a JSON object, given itself or its text."""
    if isinstance(payload, str | bytes):
        try:
            payload = parse_json(payload)
        except ValueError as fault:
            raise InvocationInvalid(f"the payload isn't JSON: {fault}") from None
    if not isinstance(payload, Mapping):
        raise InvocationInvalid(
            f"the payload should be a JSON object, not {type(payload).__name__}",
            hint='Send {"jobPath": "...", "chunkIndex": 0}.',
        )
    return payload


def check_values(payload: Mapping[str, Any]) -> None:
    """Check depth, size and numbers of a payload that the platform may have parsed already."""
    size = 0
    places: list[tuple[int, Any]] = [(0, payload)]
    while places:
        depth, value = places.pop()
        if depth > _MAX_DEPTH:
            raise InvocationInvalid(f"the payload is nested more than {_MAX_DEPTH} deep")
        size += len(value) if isinstance(value, str) else 1
        if size > MAX_INVOCATION_BYTES:
            raise too_large()
        if isinstance(value, float) and not math.isfinite(value):
            raise InvocationInvalid(f"the payload isn't JSON: it contains {value}")
        if isinstance(value, Mapping):
            places += [(depth + 1, item) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            places += [(depth + 1, item) for item in value]


def too_large() -> PayloadTooLarge:
    """Return the error for a payload of more than `MAX_INVOCATION_BYTES`."""
    return PayloadTooLarge(
        f"the payload has more than {MAX_INVOCATION_BYTES} bytes",
        hint="Give the URL of the job spec; an invocation doesn't contain it.",
    )
