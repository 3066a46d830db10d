"""Writes the report of a job to a file."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from helios.errors import HeliosError, OptionInvalid

if TYPE_CHECKING:
    from orchestrator.api.jobs.async_job import AsyncJobHandle
    from orchestrator.api.jobs.job_store import JobStore
    from orchestrator.display.display import Display

ReportFormat = Literal["html", "json"]


def report_format(path: Path | None, wanted: str | None = None) -> ReportFormat:
    """Return the format of a report: the wanted one, else by the file's name.

    Raises:
        OptionInvalid: There is no such format.
    """
    if wanted not in (None, "html", "json"):
        raise OptionInvalid(f"--format {wanted!r}: must be html or json")
    is_json = wanted == "json" or (wanted is None and path is not None and path.suffix == ".json")
    return "json" if is_json else "html"


async def write_report(
    job: "AsyncJobHandle", path: Path, kind: ReportFormat, display: "Display"
) -> None:
    """Write a job's report, and show where it is."""
    from helios.output import whole_output

    with display.activity(f"making the report of job {job.id}"):
        made = await job.report()
        text = made.html() if kind == "html" else json.dumps(made.document(), indent=1) + "\n"
        with whole_output(path) as folder:
            (folder / "whole").write_text(text, "utf-8")
    display.note("report", f"{path}: the report", id=job.id, output=str(path), format=kind)


@contextlib.asynccontextmanager
async def reporting(
    path: Path | None, store: "JobStore", display: "Display"
) -> AsyncIterator[None]:
    """Write the report of the job that a context runs, also if it fails; none without a path."""
    from helios.output import check_writable

    if path is None:
        yield
        return
    if store.forgets:
        raise OptionInvalid("--report: needs the job's record, which this job store doesn't keep")
    check_writable(path)
    try:
        yield
    except HeliosError:
        # The render's own error is the one to show.
        with contextlib.suppress(HeliosError):
            await _write_recorded(path, store, display)
        raise
    await _write_recorded(path, store, display)


async def _write_recorded(path: Path, store: "JobStore", display: "Display") -> None:
    from orchestrator.api.jobs.recorded_job import RecordedJob

    if display.job_id is not None:
        job = RecordedJob(display.job_id, store)
        await write_report(job, path, report_format(path), display)
