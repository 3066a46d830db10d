"""Selects log lines of a render, and links to them in the cloud's console."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from orchestrator.model.deployment import AwsStack, CloudRunWorkers, Deployment

#: How long after the end of a render its last lines may come.
LATE = timedelta(minutes=2)
#: Lines that are fetched at most.
MAX_LINES = 10_000
_REQUEST = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines are wanted."""

    #: URL of the job's spec, which workers log with each line.
    job_path: str
    #: Only of this chunk; None for all of the job.
    chunk_id: int | None = None
    #: When the render began and ended; None while it runs.
    since: datetime
    until: datetime | None = None
    #: Ids of invocations whose workers may have ended without a line of their own.
    requests: Collection[str] = ()
    #: Name of the execution, on Google Cloud.
    execution: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class LogRecord:
    """A line of a worker's log: when it was written, by which worker, and what it says."""

    time: datetime
    worker: str
    text: str


def requests_of(texts: Iterable[str]) -> list[str]:
    """Return the ids of invocations that messages of Lambda name."""
    found = map(_REQUEST.search, texts)
    return list(dict.fromkeys(match[0] for match in found if match))


def log_groups(stack: AwsStack) -> list[str]:
    """Return the log groups of a stack's workers."""
    named = (
        (stack.chunk_log_group, stack.chunk_function),
        (stack.merge_log_group, stack.merge_function),
    )
    return [group or f"/aws/lambda/{function}" for group, function in named]


def log_link(
    deployment: Deployment, query: LogQuery, *, worker: Mapping[str, str | int] | None = None
) -> str:
    """Return the address of a query in CloudWatch Logs Insights or Cloud Logging.

    `worker` is what the worker reported of itself, if it could.
    """
    known = worker or {}
    if isinstance(deployment, CloudRunWorkers):
        return _google_link(deployment, query, known)
    group = known.get("logGroup")
    return _aws_link(deployment, query, known, [str(group)] if group else log_groups(deployment))


def _aws_link(
    stack: AwsStack, query: LogQuery, worker: Mapping[str, str | int], groups: Sequence[str]
) -> str:
    region = stack.region
    found = [worker["requestId"]] if "requestId" in worker else list(query.requests)
    if found:
        where = " or ".join(f'@message like "{request}"' for request in found)
    else:
        where = f'job = "{query.job_path}"'
        where += "" if query.chunk_id is None else f" and chunk = {query.chunk_id}"
    text = f"fields @timestamp, @message\n| filter {where}\n| sort @timestamp\n| limit 1000"
    since, until = _text(query.since), _text((query.until or query.since) + LATE)
    if query.until is None:
        times = "end~0~start~-86400~timeType~'RELATIVE~unit~'seconds"
    else:
        times = f"end~'{_starred(until)}~start~'{_starred(since)}~timeType~'ABSOLUTE~tz~'UTC"
    sources = "~".join(f"'{_starred(group)}" for group in groups)
    detail = f"~({times}~editorString~'{_starred(text)}~source~(~{sources}))"
    host = _console(region)
    page = f"https://{host}/cloudwatch/home?region={region}"
    return f"{page}#logsV2:logs-insights$3FqueryDetail$3D{detail}"


def _console(region: str) -> str:
    if region.startswith("cn-"):
        return f"{region}.console.amazonaws.cn"
    if region.startswith("us-gov-"):
        return f"{region}.console.amazonaws-us-gov.com"
    return f"{region}.console.aws.amazon.com"


def _starred(text: str) -> str:
    """Return a text as the console's addresses write it: `%2F` becomes `*2f`."""
    encoded = quote(text, safe="")
    return encoded.replace("*", "*2a").replace("~", "*7e").replace("%", "*")


def google_filter(job: str, query: LogQuery) -> str:
    """Return a query of Cloud Logging for a job: `projects/P/locations/R/jobs/NAME`."""
    _, _, _, region, _, name = job.split("/")
    parts = [
        'resource.type="cloud_run_job"',
        f'resource.labels.job_name="{name}"',
        f'resource.labels.location="{region}"',
        f'timestamp>="{_text(query.since)}"',
    ]
    if query.until is not None:
        parts.append(f'timestamp<="{_text(query.until + LATE)}"')
    if query.execution:
        parts.append(f'labels."run.googleapis.com/execution_name"="{query.execution}"')
    if query.chunk_id is not None:
        parts.append(f"jsonPayload.chunk={query.chunk_id}")
    return "\n".join(parts)


def _google_link(workers: CloudRunWorkers, query: LogQuery, worker: Mapping[str, str | int]) -> str:
    text = google_filter(workers.job, query)
    if "task" in worker:
        text += f'\nlabels."run.googleapis.com/task_index"="{worker["task"]}"'
    project = quote(workers.project, safe="")
    address = "https://console.cloud.google.com/logs/viewer"
    return f"{address}?project={project}&advancedFilter={quote(text, safe='')}"


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
