"""Jobs and attempts as text and as JSON values."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator.cli.options.flag_names import in_flags
from orchestrator.display.event_text import duration

if TYPE_CHECKING:
    from orchestrator.api.jobs.job_status import JobStatus
    from orchestrator.api.jobs.job_store import JobStore
    from orchestrator.api.jobs.snapshot import AttemptLog
    from orchestrator.backends.detached.base import Execution
    from orchestrator.backends.detached.renders import Submitted
    from orchestrator.clouds.log_query import LogRecord
    from orchestrator.display.display import Display
    from orchestrator.model.deployment import Deployment
    from orchestrator.model.job import Job, JobSummary
    from orchestrator.model.job_chunk import JobChunk

_COLUMNS = ("ID", "STATE", "CHUNKS", "CREATED", "WHERE", "NAME", "OUTPUT")


def row_of(status: "JobStatus") -> tuple[str, ...]:
    """Return a job as a row of the table."""
    chunks = f"{status.chunks_done}/{status.chunks_total}"
    created = moment(status.created_at)
    output = status.output or ""
    return (status.id, status.state, chunks, created, status.where, status.name, output)


def row_of_execution(execution: "Execution", deployment: "Deployment") -> tuple[str, ...]:
    """Return a job as a row of the table, by its engine's list."""
    created = moment(execution.started_at)
    return (execution.job_id, str(execution.state), "", created, str(deployment), "", "")


def execution_document(execution: "Execution", deployment: "Deployment") -> dict[str, Any]:
    """Return the same as JSON value."""
    ended = execution.ended_at
    return {
        "id": execution.job_id,
        "state": str(execution.state),
        "where": str(deployment),
        "startedAt": execution.started_at.isoformat(),
        "endedAt": None if ended is None else ended.isoformat(),
        "execution": execution.name,
    }


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows below their headings."""
    lines = [_COLUMNS, *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in lines
    )


def described(status: "JobStatus") -> list[str]:
    """Return the facts of a job, one a line."""
    lines = [
        f"job       {status.id}",
        f"state     {status.state}",
        *([f"name      {status.name}"] if status.name else []),
        f"runs on   {status.where}",
        f"created   {moment(status.created_at)}",
        f"chunks    {status.chunks_done} of {status.chunks_total} done",
        f"frames    {status.frames_done} of {status.frames_total}",
    ]
    if status.started_at is not None and status.ended_at is not None:
        seconds = (status.ended_at - status.started_at).total_seconds()
        lines.append(f"took      {duration(seconds)}")
    if status.output is not None:
        lines.append(f"output    {status.output}")
    if status.error is not None:
        lines.append(f"error     [{status.error.code}] {in_flags(status.error.message)}")
    lines += [f"          {in_flags(cause)}" for cause in status.causes()]
    if status.error is not None and status.error.hint:
        lines.append(f"          {in_flags(status.error.hint)}")
    return lines + page_problems(status)


def page_problems(status: "JobStatus") -> list[str]:
    """Return what pages of a detached job logged or threw, one message a line."""
    told = [
        f"          chunk {each.chunk_id}: {message}"
        for each in status.page_problems
        for message in each.messages
    ]
    if not told:
        return []
    more = status.problem_chunks - len(status.page_problems)
    told += [f"          and of {more} more chunks"] if more else []
    return ["page      logged or threw", *told]


def described_record(job: "Job", state: str, store: "JobStore", *, chunks: bool) -> list[str]:
    """Return further facts of a job's record, one a line."""
    metrics = job.metrics
    lines = [
        f"attempts  {metrics.attempts}, {metrics.failed_attempts} failed,"
        f" {metrics.backups} as backups, in {metrics.runs} runs",
        *([f"healed    {metrics.healed_chunks} of them"] if metrics.healed_chunks else []),
        f"time      {duration(metrics.wall_ms / 1000)}, of workers"
        f" {duration(metrics.worker_ms / 1000)}",
        f"folder    {job.location.folder}",
    ]
    if state not in ("completed", "running"):
        lines.append(f"resume    {store.command('resume', job.id)}")
    if chunks:
        lines += [_chunk_line(c) for c in sorted(job.chunks.values(), key=lambda chunk: chunk.id)]
    return lines


def record_document(job: "JobSummary") -> dict[str, Any]:
    """Return the record of a job as JSON value, without its chunks."""
    facts: dict[str, Any] = json.loads(job.summary().to_json())
    return facts


def chunk_documents(job: "Job") -> list[dict[str, Any]]:
    """Return the records of its chunks as JSON values."""
    without = {"trace": None}  # its pictures are long
    return [json.loads(chunk.model_copy(update=without).to_json()) for chunk in job.chunks.values()]


def described_log(log: "AttemptLog") -> str:
    """Return the record of an attempt as text."""
    took = "running" if log.seconds is None else duration(log.seconds)
    facts = [
        f"chunk {log.chunk_id}  attempt {log.number}",
        moment(log.started_at),
        took,
        log.worker,
    ]
    facts += ["backup"] if log.backup else []
    facts += [] if log.error is None else [f"{log.error.code}: {log.error.message}"]
    lines = [f"    {line}" for line in log.text.splitlines()]
    return "\n".join(["  ".join(filter(None, facts)), *lines])


def described_line(record: "LogRecord") -> str:
    """Return a line of a worker's log."""
    return f"{moment(record.time)}  {record.worker}  {record.text}"


def log_document(log: "AttemptLog") -> dict[str, Any]:
    """Return the same as JSON value."""
    error = log.error
    return {
        "chunkId": log.chunk_id,
        "attempt": log.number,
        "startedAt": log.started_at.isoformat(),
        "seconds": log.seconds,
        "worker": log.worker,
        "backup": log.backup,
        "error": None if error is None else error.model_dump(by_alias=True, exclude_none=True),
        "log": log.text,
    }


def tell_state(display: "Display", status: "JobStatus", store: "JobStore | None") -> None:
    """Show the status of a job after a command changed it, and how to resume one in a job store."""
    can_go_on = status.state in ("paused", "cancelled")
    how = f"; resume with: {store.command('resume', status.id)}" if store and can_go_on else ""
    display.note(
        status.state,
        f"job {status.id} is {status.state}:"
        f" {status.chunks_done} of {status.chunks_total} chunks done{how}",
        **status.document(),
    )


def tell_submitted(display: "Display", submitted: "Submitted") -> None:
    """Print the id of a job that a deployment runs now."""
    execution = submitted.execution
    display.answer(
        "started",
        execution.job_id,
        id=execution.job_id,
        state=str(execution.state),
        new=submitted.is_new,
    )


def moment(time: datetime) -> str:
    """Return a time in this machine's time zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def _chunk_line(chunk: "JobChunk") -> str:
    artifact = "" if chunk.artifact is None else f"  {chunk.artifact.url}"
    return f"chunk {chunk.id}  {chunk.state}{artifact}"
