"""The files of a job's record in a folder."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from helios.concurrency import finish_despite_cancel
from helios.contract.job_spec import JobSpec
from helios.errors import JobRecordInvalid, JobSpecInvalid
from helios.output import write_failure
from orchestrator.job_repository.base import not_found
from orchestrator.job_repository.record_format import decode_chunks, decode_summary
from orchestrator.model.job import Job, JobSummary

SUMMARY, SPEC, LOG, LOCK, REQUEST = "job.json", "spec.json", "chunks.jsonl", "lock", "request"
#: Prefix of folders that are being removed; the next process removes those that a killed one left.
GONE = ".old-"

Result = TypeVar("Result")


def load(path: Path) -> Job:
    """Return a job by its folder."""
    return load_counting(path)[0]


def load_counting(path: Path) -> tuple[Job, int]:
    """Return a job by its folder, and the number of damaged lines in its chunk log."""
    summary = read_summary(path)
    try:
        spec = JobSpec.parse((path / SPEC).read_bytes(), source=str(path / SPEC))
    except JobSpecInvalid as fault:
        raise JobRecordInvalid(fault.message, details=fault.details) from None
    log = path / LOG
    chunks, damaged = decode_chunks([log.read_bytes()], source=str(log))
    return Job.of(summary, spec=spec, chunks=chunks), damaged


def read_summary(path: Path) -> JobSummary:
    """Return a job's summary by its folder."""
    file = path / SUMMARY
    summary = decode_summary(file.read_bytes(), source=str(file))
    if summary.id != path.name:
        raise JobRecordInvalid(f"{file}: is that of job {summary.id!r}")
    return summary


def read_holder(lock: Path) -> str:
    """Return the name of the process that has a lock."""
    with suppress(OSError):
        return lock.read_text("utf-8").strip() or "another process"
    return "another process"


def ends_whole(log: Path) -> bool:
    """Tell whether a chunk log is empty or ends with a whole line."""
    with log.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@contextmanager
def write_faults(path: Path, job_id: str) -> Iterator[None]:
    """Turn what the system says of a job's folder into errors of this project."""
    try:
        yield
    except FileNotFoundError as fault:
        raise not_found(job_id, where=str(path.parent)) from fault
    except OSError as fault:
        raise write_failure(fault, output=path) from fault


async def finish_in_thread(work: Callable[[], Result]) -> Result:
    """Run blocking work to its end, even if the caller is cancelled."""
    # An abandoned thread would go on writing after the claim has ended.
    return await finish_despite_cancel(asyncio.to_thread(work))
