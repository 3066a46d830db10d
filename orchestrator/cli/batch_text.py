"""Detached batches as text and as JSON values."""

from typing import TYPE_CHECKING, Any

from orchestrator.cli.job_text import moment

if TYPE_CHECKING:
    from orchestrator.api.jobs.batch_summary import BatchSummary
    from orchestrator.backends.detached.batch import BatchStatus

#: Failed rows that a status names.
_MOST_NAMED = 10


def progress(status: "BatchStatus") -> str:
    """Return how many rows are in which state, in one line."""
    counts = status.counts
    parts = [f"{counts[state]} {state}" for state in sorted(counts) if state != "completed"]
    return "  ".join([f"{counts['completed']}/{counts.total()} rows", *parts])


def row_of_batch(status: "BatchStatus", where: str) -> tuple[str, ...]:
    """Return a detached batch as a row of the table of jobs."""
    counts, record = status.counts, status.record
    rows = _rows(counts["completed"], counts["failed"], counts.total())
    return (record.id, str(status.state), rows, moment(record.created_at), where, record.source, "")


def row_of_summary(batch: "BatchSummary") -> tuple[str, ...]:
    """Return a batch of a job store as a row of the table of jobs."""
    rows = _rows(batch.done, batch.failed, batch.rows)
    created = moment(batch.created_at)
    return (batch.id, batch.state, rows, created, batch.machine, batch.source, batch.output)


def _rows(done: int, failed: int, total: int) -> str:
    return f"{done}/{total} rows" + (f", {failed} failed" if failed else "")


def failures(status: "BatchStatus") -> list[str]:
    """Return why rows failed, one a line: of the first `_MOST_NAMED`."""
    found = []
    for row in status.record.rows:
        execution = status.executions.get(row.job)
        if execution is not None and execution.error is not None:
            error = execution.error
            found.append(f"row {row.row} (line {row.line}): [{error.code}] {error.message}")
    more = len(found) - _MOST_NAMED
    return found[:_MOST_NAMED] + ([f"and {more} more rows"] if more > 0 else [])


def described(status: "BatchStatus", where: str) -> list[str]:
    """Return the facts of a batch, one a line."""
    record = status.record
    return [
        f"batch     {record.id}",
        f"state     {status.state}",
        f"name      {record.source}",
        f"runs on   {where}",
        f"created   {moment(record.created_at)}",
        f"rows      {progress(status)}",
        f"at once   {record.rows_at_once} rows, {record.row_concurrency} chunks of each",
        *(f"          {line}" for line in failures(status)),
    ]


def described_summary(batch: "BatchSummary") -> list[str]:
    """Return the facts of a batch of a job store, one a line."""
    return [
        f"batch     {batch.id}",
        f"state     {batch.state}",
        f"name      {batch.source}",
        f"runs on   {batch.machine}",
        f"created   {moment(batch.created_at)}",
        f"rows      {_rows(batch.done, batch.failed, batch.rows)}",
        f"output    {batch.output}",
    ]


def document_of(status: "BatchStatus") -> dict[str, Any]:
    """Return a batch as JSON value, without its rows."""
    counts = status.counts
    return {
        "id": status.record.id,
        "state": str(status.state),
        "rows": counts.total(),
        "done": counts["completed"],
        "failed": counts["failed"],
        "running": counts["running"],
        "waiting": counts["pending"],
        "cancelled": counts["cancelled"],
        "createdAt": status.record.created_at.isoformat(),
    }


def row_documents(status: "BatchStatus") -> list[dict[str, Any]]:
    """Return the rows of a batch as JSON values."""
    return [
        {"row": row.row, "line": row.line, "job": row.job, "name": row.name}
        | {"state": str(status.state_of(row.job))}
        for row in status.record.rows
    ]
