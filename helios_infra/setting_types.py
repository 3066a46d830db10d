"""Types of settings: how their text on the command line is read, and which values are allowed."""

import json
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from helios_infra.cloud_run.value_types import matches


def several(value: object) -> object:
    """Parse the text of `-c`: values separated by commas."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def parsed_object(value: object) -> object:
    """Parse the text of `-c`: a JSON object; nothing is an empty one."""
    if isinstance(value, str) and value.strip():
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value or {}


def object_or_none(value: object) -> object:
    """Parse a JSON object; nothing and an empty one are None."""
    return parsed_object(value) or None


def optional(value: object) -> object:
    """Return None for empty text."""
    return None if value == "" else value


def pattern(pattern: str) -> StringConstraints:
    """Return the constraint that all of a text matches a pattern."""
    return StringConstraints(pattern=f"^(?:{pattern})$")


Memory = Annotated[int, Field(ge=512, le=10240)]
Disk = Annotated[int, Field(ge=512, le=10240)]
Timeout = Annotated[int, Field(ge=30, le=900)]
Reserved = Annotated[int | None, Field(ge=1, le=100_000), BeforeValidator(optional)]
Days = Annotated[int, Field(ge=1, le=3650)]

#: Days that CloudWatch offers as retention.
LOG_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653}
)
Email = Annotated[str, matches(r"|[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]
BucketName = Annotated[
    str, matches(r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket (without s3://)")
]
KmsKey = Annotated[
    str,
    matches(
        r"|create|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
        "`create`, the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), or empty",
    ),
]
Destination = Annotated[
    str,
    matches(
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s,*?=]*)?"
        r"(=arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+)?",
        "s3://BUCKET or s3://BUCKET/FOLDER, with =SECRET_ARN for a store that needs a secret's"
        " credentials",
    ),
]
