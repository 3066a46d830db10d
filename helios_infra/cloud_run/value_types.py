"""Types of the settings of Cloud Run workers, each with a pattern and a description of it."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator


def matches(pattern: str, what: str) -> AfterValidator:
    """Return a validator for a pattern; `what` describes valid values in messages."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


Project = Annotated[
    str,
    matches(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project id, such as my-videos-123"),
]
Region = Annotated[str, matches(r"[a-z]+-[a-z]+\d+", "a region, such as europe-west1")]
Name = Annotated[
    str,
    matches(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", "a name of a-z, 0-9 and -, at most 49 characters"),
]
Image = Annotated[
    str,
    matches(
        r"[a-z0-9][a-z0-9.-]*(:\d+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}",
        "an image by digest, such as europe-west1-docker.pkg.dev/project/helios/worker@sha256:...",
    ),
]
ServiceAccount = Annotated[
    str, matches(r"[^@\s]+@[^@\s]+\.gserviceaccount\.com", "the e-mail of a service account")
]
Bucket = Annotated[
    str, matches(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", "a bucket's name (without gs://)")
]
Memory = Annotated[str, matches(r"\d+(Mi|Gi)", "an amount of memory, such as 4Gi or 1536Mi")]
Secret = Annotated[
    str,
    matches(
        r"(projects/[^/\s]+/secrets/)?[A-Za-z0-9_-]{1,255}",
        "a secret's name in Secret Manager (of another project: projects/ID/secrets/NAME)",
    ),
]
Ingress = Literal["all", "internal", "internal-and-cloud-load-balancing"]
KmsKey = Annotated[
    str,
    matches(
        r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+",
        "a key's full name: projects/ID/locations/REGION/keyRings/RING/cryptoKeys/KEY",
    ),
]
Network = Annotated[
    str,
    matches(
        r"(projects/[^/\s]+/(global|regions/[^/\s]+)/(sub)?networks/)?[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
        "a network's or subnetwork's name, or its full name"
        " (projects/ID/global/networks/NAME, projects/ID/regions/REGION/subnetworks/NAME)",
    ),
]
NetworkTag = Annotated[
    str, matches(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "a network tag of a-z, 0-9 and -")
]
Connector = Annotated[
    str,
    matches(
        r"(projects/[^/\s]+/locations/[^/\s]+/connectors/)?[a-z]([a-z0-9-]{0,23}[a-z0-9])?",
        "a connector's name, or projects/ID/locations/REGION/connectors/NAME",
    ),
]
Egress = Literal["private-ranges-only", "all-traffic"]
