"""`orchestrator pause`, `resume`, `cancel`, `delete`: what can be done to a job."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Changes, Shown, with_groups
from orchestrator.cli.options.job_options import JobOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@with_groups
def pause(job: flags.JobId, where: JobOptions, shown: Shown) -> None:
    """Pause a job, here or in another process: what runs is finished, nothing new begins."""

    async def work(display: "Display") -> None:
        from orchestrator.cli.job_text import tell_state

        found = await where.find(job, display)
        tell_state(display, await found.pause(), where.store())

    shown.run(work)


@with_groups
def resume(
    job: flags.JobId,
    changes: Changes,
    where: JobOptions,
    shown: Shown,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Render all chunks anew, also those that are there.",
            rich_help_panel=flags.CHUNKS,
        ),
    ] = False,
) -> None:
    """Go on with a job that isn't completed: only what is missing renders.

    A detached job goes on where it ran, and this command doesn't wait for it.
    """

    async def work(display: "Display") -> None:
        from orchestrator.api.detached_job import DetachedJob
        from orchestrator.api.settings import ResumeSettings

        found = await where.find(job, display)
        await found.resume(fresh=fresh, changes=ResumeSettings.of(changes.keywords()))
        if isinstance(found, DetachedJob):
            status = await found.status()
            display.note(
                "resumed",
                f"{job}: runs what is missing, {status.chunks_done} of {status.chunks_total} chunks"
                f" are done; orchestrator watch {job}",
                **status.document(),
            )

    shown.run(work)


@with_groups
def cancel(
    job: flags.JobId,
    where: JobOptions,
    shown: Shown,
    reason: Annotated[
        str, typer.Option(help="Why a detached job is stopped, for those who ask later.")
    ] = "stopped by its owner",
) -> None:
    """Cancel a job, wherever it runs: what runs is ended, finished chunks are kept."""

    async def work(display: "Display") -> None:
        from orchestrator.api.recorded_job import RecordedJob
        from orchestrator.cli.job_text import tell_state

        found = await where.find(job, display)
        status = await found.cancel(reason=reason)
        if isinstance(found, RecordedJob):
            tell_state(display, status, where.store())
            return
        # The engine may take a moment until it says so itself.
        stopped = status.state in ("cancelled", "running")
        said = "is stopped" if stopped else f"had ended before: {status.state}"
        display.note(
            "cancelled" if stopped else "ended",
            f"job {status.id}: {said}, with {status.chunks_done} of {status.chunks_total} chunks",
            **status.document(),
        )

    shown.run(work)


@with_groups
def delete(
    where: JobOptions,
    shown: Shown,
    job: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Jobs to delete.", show_default="none")
    ] = None,
    ended_for: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS", help="Also all kept jobs that ended so many days ago or earlier."
        ),
    ] = None,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="Also remove chunks that they left; videos stay.")
    ] = False,
) -> None:
    """Delete the records of jobs that don't run; their videos stay."""

    async def work(display: "Display") -> None:
        from orchestrator.api.finding import recorded_jobs

        ids = list(job or [])
        if ended_for is not None:
            before = datetime.now(UTC) - timedelta(days=ended_for)
            ended = await recorded_jobs(where.store(), states=("completed", "failed", "cancelled"))
            ids += [
                each.id
                for each, _ in ended.jobs
                if each.ended_at is not None and each.ended_at <= before
            ]
        for job_id in dict.fromkeys(ids):
            found = await where.find(job_id, display)
            await found.delete(chunks=chunks)
            display.note("deleted", f"job {job_id}: deleted", id=job_id)
        if not ids:
            display.note("deleted", "no jobs to delete")

    shown.run(work)
