"""Makes the reports of attempts at chunks."""

from collections.abc import Callable, Mapping
from datetime import datetime

from helios.records.chunk_record import ChunkRecord
from orchestrator.model.chunk_progress import PROGRESS_LINE
from orchestrator.model.job_chunk import Attempt
from orchestrator.report.report import AttemptReport

#: Returns the seconds of a time since the beginning of the job.
Clock = Callable[[datetime], float]


def attempt_in_record(attempt: Attempt, since: Clock) -> AttemptReport:
    """Return the report of an attempt in a job's record."""
    return AttemptReport(
        number=attempt.number,
        start=since(attempt.started_at),
        seconds=None if attempt.duration_ms is None else round(attempt.duration_ms / 1000, 3),
        worker=attempt.worker or "",
        backup=attempt.backup,
        error=attempt.error,
        log=_without_progress(attempt.log_tail or ""),
    )


def _without_progress(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if not PROGRESS_LINE.match(line))


def attempt_in_storage(record: ChunkRecord, since: Clock) -> AttemptReport:
    """Return the report of the attempt that a worker recorded in storage."""
    return AttemptReport(
        number=record.attempt,
        start=since(record.started_at),
        seconds=round(record.duration_ms / 1000, 3),
        worker=name_of_worker(record.worker),
        steps=record.timings,
    )


def name_of_worker(facts: Mapping[str, str | int]) -> str:
    """Return the name of a worker: those of its platform and its function."""
    named = [facts.get(name) for name in ("platform", "function", "service", "job")]
    return " ".join(str(each) for each in named if each) or " ".join(map(str, facts.values()))
