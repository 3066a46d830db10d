"""Fetches log lines of Lambda workers from CloudWatch Logs."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from orchestrator.clouds.aws import AwsCalls
from orchestrator.clouds.log_query import (
    LATE,
    MAX_LINES,
    LogQuery,
    LogRecord,
    log_groups,
    requests_of,
)
from orchestrator.model.deployment import AwsStack

#: Request ids that one pattern of CloudWatch Logs names.
_IDS_A_PATTERN = 20


async def lambda_log(stack: AwsStack, query: LogQuery, calls: AwsCalls) -> Sequence[LogRecord]:
    """Return log lines by time: the workers' own, and Lambda's of the same requests."""
    client = calls.client("logs")
    pattern = f'{{ $.job = "{query.job_path}"'
    pattern += " }" if query.chunk_id is None else f" && $.chunk = {query.chunk_id} }}"

    def read() -> list[LogRecord]:
        own = [
            event
            for event in _events(client, stack, query, pattern)
            if _is_wanted(event["message"], query)
        ]
        ids = {_request_of(event["message"]) for event in own} | set(query.requests)
        found = {event["eventId"]: event for event in own}
        for event in _of_requests(client, stack, query, sorted(filter(None, ids))):
            found.setdefault(event["eventId"], event)
        return sorted(map(_record, found.values()))

    return await calls.run(f"logs of {stack}", read)


def _of_requests(
    client: Any, stack: AwsStack, query: LogQuery, ids: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """Yield what Lambda itself, or a worker outside of a task, wrote of invocations."""
    for first in range(0, len(ids), _IDS_A_PATTERN):
        some = ids[first : first + _IDS_A_PATTERN]
        pattern = " ".join(f'?"{request}"' for request in some)
        for event in _events(client, stack, query, pattern):
            if any(request in event["message"] for request in some):
                yield event


def _events(
    client: Any, stack: AwsStack, query: LogQuery, pattern: str
) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {
        "filterPattern": pattern,
        "startTime": int(query.since.timestamp() * 1000),
    }
    if query.until is not None:
        request["endTime"] = int((query.until + LATE).timestamp() * 1000)
    for group in dict.fromkeys(log_groups(stack)):
        # A group that isn't there yet: no worker has written a line.
        with contextlib.suppress(client.exceptions.ResourceNotFoundException):
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=group, **request
            )
            yield from islice((event for page in pages for event in page["events"]), MAX_LINES)


def _is_wanted(message: str, query: LogQuery) -> bool:
    line = _line(message)
    if line.get("job") != query.job_path:
        return False
    return query.chunk_id is None or line.get("chunk") == query.chunk_id


def _line(message: str) -> Mapping[str, Any]:
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _request_of(message: str) -> str | None:
    found = _line(message).get("requestId")
    return found if isinstance(found, str) and requests_of([found]) else None


def _record(event: Mapping[str, Any]) -> LogRecord:
    time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return LogRecord(time, str(event["logStreamName"]), str(event["message"]).rstrip())
