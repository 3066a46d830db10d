"""`orchestrator pause`, `resume`, `cancel`, `delete`: control of jobs."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.job_options import JobOptions
from orchestrator.cli.options.run_options import Changes

if TYPE_CHECKING:
    from orchestrator.display.display import Display

#: Batches that are looked at for old ones.
_MOST_BATCHES = 10_000


@command
async def pause(job: flags.JobId, where: JobOptions, display: "Display") -> None:
    """Pause a job: running chunks finish, and no others start."""
    from helios.errors import OptionInvalid
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.job_text import tell_state

    if is_batch_id(job):
        raise OptionInvalid(
            f"batch {job}: can't be paused",
            hint=f"End it: orchestrator cancel {job}. Finished chunks stay, for `resume`.",
        )
    found = await where.find(job, display)
    tell_state(display, await found.pause(), where.store())


@command
async def resume(
    job: flags.JobId,
    changes: Changes,
    where: JobOptions,
    display: "Display",
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Render all chunks again, including finished ones.",
            rich_help_panel=flags.CHUNKS,
        ),
    ] = False,
) -> None:
    """Resume a job that isn't completed: only missing chunks are rendered.

    The deployment of a detached job resumes it, and the command doesn't wait for its video.
    """
    from orchestrator.api.jobs.detached_job import DetachedJob
    from orchestrator.api.jobs.resume_settings import resume_changes
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches

    if is_batch_id(job):
        changed = resume_changes(changes.keywords())
        await batches.resume(job, changed, where, display, fresh=fresh)
        return
    found = await where.find(job, display)
    await found.run_again(fresh=fresh, changes=resume_changes(changes.keywords()))
    if isinstance(found, DetachedJob):
        status = await found.status()
        display.note(
            "resumed",
            f"{job}: runs the missing chunks, {status.chunks_done} of {status.chunks_total}"
            f" are done; orchestrator watch {job}",
            **status.document(),
        )


@command
async def cancel(
    job: flags.JobId,
    where: JobOptions,
    display: "Display",
    reason: Annotated[
        str, typer.Option(help="Reason to store with a detached job.")
    ] = "stopped by its owner",
) -> None:
    """Cancel a job: running chunks are stopped, finished ones are kept."""
    from orchestrator.api.jobs.recorded_job import RecordedJob
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches
    from orchestrator.cli.job_text import tell_state

    if is_batch_id(job):
        await batches.cancel(job, where, display, reason=reason)
        return
    found = await where.find(job, display)
    status = await found.cancel(reason=reason)
    if isinstance(found, RecordedJob):
        tell_state(display, status, where.store())
        return
    # The engine may report the new state only after a moment.
    stopped = status.state in ("cancelled", "running")
    said = "is stopped" if stopped else f"had ended before: {status.state}"
    display.note(
        "cancelled" if stopped else "ended",
        f"job {status.id}: {said}, with {status.chunks_done} of {status.chunks_total} chunks",
        **status.document(),
    )


@command
async def delete(
    where: JobOptions,
    display: "Display",
    job: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs to delete.", show_default="none")
    ] = None,
    ended_for: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS", help="Also all recorded jobs that ended at least so many days ago."
        ),
    ] = None,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="Also remove their chunks; videos stay.")
    ] = False,
) -> None:
    """Delete the records of jobs that don't run; their videos stay."""
    from orchestrator.api.jobs.batch_summary import batch_summaries
    from orchestrator.api.jobs.finding import recorded_jobs
    from orchestrator.backends.detached.batch_record import is_batch_id
    from orchestrator.cli.commands.jobs import batches

    ids = list(job or [])
    if ended_for is not None:
        before = datetime.now(UTC) - timedelta(days=ended_for)
        ended = await recorded_jobs(where.store(), states=("completed", "failed", "cancelled"))
        ids += [
            each.id
            for each, _ in ended.jobs
            if each.ended_at is not None and each.ended_at <= before
        ]
        summaries = await batch_summaries(where.store(), limit=_MOST_BATCHES)
        ids += [
            each.id
            for each in summaries
            if each.state != "running" and (each.ended_at or each.written_at) <= before
        ]
    for job_id in dict.fromkeys(ids):
        if is_batch_id(job_id):
            await batches.delete(job_id, where, chunks=chunks)
            display.note("deleted", f"batch {job_id}: deleted", id=job_id)
            continue
        found = await where.find(job_id, display)
        await found.delete(chunks=chunks)
        display.note("deleted", f"job {job_id}: deleted", id=job_id)
    if not ids:
        display.note("deleted", "no jobs to delete")
