"""Takes secrets out of a report."""

import os
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from helios.redaction import REDACTED, is_secret_name, secret_values, without_secrets

#: Fields that hold pictures, in which nothing is searched for.
_PICTURES = frozenset({"jpeg", "before", "after"})


def redacted(value: Any) -> Any:
    """Return a JSON value without secrets.

    These are values of this process's secret environment variables, what looks like a secret, and
    values whose names denote one. Of addresses of webhooks only the host stays, as their paths
    often are secret.
    """
    return _redacted(value, secret_values(os.environ))


def _redacted(value: Any, secrets: Collection[str]) -> Any:
    match value:
        case str():
            return without_secrets(value, secrets)
        case dict():
            return {key: _field(str(key), each, secrets) for key, each in value.items()}
        case list():
            return [_redacted(each, secrets) for each in value]
        case _:
            return value


def _field(name: str, value: Any, secrets: Collection[str]) -> Any:
    if name in _PICTURES:
        return value
    if name == "webhook" and isinstance(value, dict) and isinstance(value.get("url"), str):
        parts = urlsplit(value["url"])
        return {**value, "url": f"{parts.scheme}://{parts.hostname}/{REDACTED}"}
    if isinstance(value, str) and is_secret_name(name):
        return REDACTED
    return _redacted(value, secrets)
