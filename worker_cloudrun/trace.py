"""The trace of a request, in the form of Cloud Logging."""

import os
import re
import urllib.request
from functools import cache

from werkzeug.datastructures import Headers

_CLOUD = re.compile(r"(?P<trace>[0-9a-fA-F]{32})(?:/(?P<span>\d{1,20}))?(?:;o=(?P<sampled>\d))?")
_W3C = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_METADATA_HOST = "metadata.google.internal"
# Time limit of the metadata server, which is on the same machine, in seconds.
_METADATA_TIMEOUT = 1.0


def trace_fields(headers: Headers, *, project: str | None) -> dict[str, str | bool | None]:
    """Return the fields that link log lines to their request, given its headers and the project."""
    found = _CLOUD.match(headers.get("X-Cloud-Trace-Context", ""))
    if found:
        span = f"{int(found['span']):016x}" if found["span"] else None
        sampled = found["sampled"] == "1"
    else:
        found = _W3C.match(headers.get("Traceparent", ""))
        if not found:
            return {}
        span = found["span"]
        sampled = int(found["flags"], 16) & 1 == 1
    if project is None:
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{found['trace'].lower()}",
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }


@cache
def project_of_instance() -> str | None:
    """Return the project of this instance; None outside Google Cloud."""
    if not (os.environ.get("K_SERVICE") or os.environ.get("CLOUD_RUN_JOB")):
        return None
    host = os.environ.get("GCE_METADATA_HOST") or _METADATA_HOST
    request = urllib.request.Request(
        f"http://{host}/computeMetadata/v1/project/project-id",
        headers={"Metadata-Flavor": "Google"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_METADATA_TIMEOUT) as response:  # noqa: S310
            project: str = response.read(256).decode()
    except (OSError, ValueError):
        return None
    return project or None
