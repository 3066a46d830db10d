"""Types of settings: how their text on the command line is read, and which values are allowed."""

import json
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

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


StackName = Annotated[
    str,
    matches(
        "[A-Za-z][A-Za-z0-9-]{0,63}",
        "a stack's name: letters, digits and -, beginning with a letter, at most 64 characters",
    ),
]
Region = Annotated[str, matches("[a-z]{2}(-[a-z]+)+-[0-9]", "a region of AWS, such as eu-west-1")]
Source = Annotated[
    str,
    matches(r"(?:s3|https)://[^\s,*?]+", "an s3:// or https:// URL without *, ? and spaces"),
]
# Tenants' policies would reach jobs of others in the folders of the stack itself.
TenantFolder = Annotated[
    str,
    matches(
        "|(?!(?:jobs|assets|map-runs|webhook-key)$)[A-Za-z0-9_-]+",
        "a folder's name of letters, digits, - and _, other than the stack's own folders",
    ),
]
TagName = Annotated[
    str,
    matches(
        r"(?!(?i:aws|helios):)[\w .:/=+@-]{1,128}",
        "a tag's name: at most 128 letters, digits and .:/=+@_-, not beginning with aws: or "
        "helios:",
    ),
]
TagValue = Annotated[
    str,
    matches(r"[\w .:/=+@-]{0,256}", "a tag's value: at most 256 letters, digits and .:/=+@_-"),
]
Executable = Annotated[str, matches("[A-Za-z0-9._-]+", "a program's name, without a folder")]
Vpc = Annotated[str, matches("|vpc-[0-9a-f]{8,17}", "the id of a VPC, such as vpc-0a1b2c3d")]
Subnet = Annotated[
    str, matches("subnet-[0-9a-f]{8,17}", "the id of a subnet, such as subnet-0a1b2c3d")
]
SecurityGroup = Annotated[
    str, matches("sg-[0-9a-f]{8,17}", "the id of a security group, such as sg-0a1b2c3d")
]
Memory = Annotated[int, Field(ge=512, le=10240)]
Disk = Annotated[int, Field(ge=512, le=10240)]
Timeout = Annotated[int, Field(ge=30, le=900)]
Reserved = Annotated[int | None, Field(ge=1, le=100_000), BeforeValidator(optional)]
Days = Annotated[int, Field(ge=1, le=3650)]

#: Days that CloudWatch offers as retention.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)


def _offered(days: int) -> int:
    if days not in LOG_DAYS:
        offered = ", ".join(map(str, LOG_DAYS))
        raise ValueError(f"{days} is not offered by CloudWatch: {offered}")
    return days


LogDays = Annotated[int, AfterValidator(_offered)]
Email = Annotated[str, matches(r"|[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]
BucketName = Annotated[
    str, matches(r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket (without s3://)")
]
BucketPrefix = Annotated[
    str,
    matches(
        r"|[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){0,7}",
        "a folder of the bucket: names of letters, digits, - and _ with slashes between them",
    ),
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
