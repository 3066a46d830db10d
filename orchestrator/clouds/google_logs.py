"""Fetches log lines of Cloud Run tasks from Cloud Logging."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestrator.clouds.google import GoogleCalls
from orchestrator.clouds.log_query import MAX_LINES, LogQuery, LogRecord, google_filter


async def task_log(job: str, query: LogQuery, calls: GoogleCalls) -> Sequence[LogRecord]:
    """Return log lines of the tasks of an execution of a job, given by its full name, by time."""
    project = job.split("/")[1]
    entries = await calls.log_entries(project, google_filter(job, query), limit=MAX_LINES)
    return sorted(_record(entry) for entry in entries)


def _record(entry: Mapping[str, Any]) -> LogRecord:
    labels = entry.get("labels", {})
    execution = labels.get("run.googleapis.com/execution_name", "")
    task = labels.get("run.googleapis.com/task_index", "")
    payload = entry.get("jsonPayload")
    text = entry.get("textPayload", "") if payload is None else json.dumps(payload)
    time = datetime.fromisoformat(str(entry["timestamp"]))
    return LogRecord(time, "/".join(filter(None, (execution, task))), str(text).rstrip())
