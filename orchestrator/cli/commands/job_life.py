"""`orchestrator resume`, `retry`, `pause`: what can be done with a job that is kept."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Shown, with_groups
from orchestrator.cli.options.job_store_options import Registry

if TYPE_CHECKING:
    from orchestrator.display.display import Display
    from orchestrator.job_repository import JobRepository
    from orchestrator.jobs.job_manager import JobManager
    from orchestrator.model.job import JobSummary
    from orchestrator.model.settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is different from the job's earlier runs."""

    concurrency: Annotated[
        int | None, typer.Option(help="Chunks at the same time.", show_default="as before")
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(help="Further tries of a chunk that failed.", show_default="as before"),
    ] = None
    chunk_timeout: Annotated[
        float | None, typer.Option(help="Seconds that a try may take.", show_default="as before")
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="USD", help="US dollars that the job may cost.", show_default="as before"
        ),
    ] = None
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="How long this run may take.", show_default="as before"
        ),
    ] = None

    def apply(self, settings: "RunSettings") -> "RunSettings":
        """Return settings with the changes.

        Raises
        ------
        OptionInvalid
            A value can't be worked with.
        """
        from orchestrator.model.limits import read_limits

        limits = read_limits(self.max_cost, self.deadline)
        changes = {**dataclasses.asdict(self), **limits}
        return settings.changed({k: v for k, v in changes.items() if v is not None})


@with_groups
def resume(job: flags.JobId, changes: Changes, registry: Registry, shown: Shown) -> None:
    """Go on with a job that is paused, failed or was interrupted: only what is missing renders."""

    async def work(display: "Display") -> None:
        from orchestrator.backends.completion import telling_how_to_go_on

        async with registry.open() as repository:
            how = f"Go on with: {registry.command('resume', job)}"
            with telling_how_to_go_on(how):
                await manager_of(repository, display).resume(job, change=changes.apply)

    shown.run(work)


@with_groups
def retry(
    job: flags.JobId,
    changes: Changes,
    registry: Registry,
    shown: Shown,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Render all chunks anew, also those that are there.")
    ] = False,
) -> None:
    """Run a job again that isn't completed, also one that was cancelled."""

    async def work(display: "Display") -> None:
        from orchestrator.backends.completion import telling_how_to_go_on

        async with registry.open() as repository:
            how = f"Go on with: {registry.command('resume', job)}"
            with telling_how_to_go_on(how):
                await manager_of(repository, display).retry(job, fresh=fresh, change=changes.apply)

    shown.run(work)


@with_groups
def pause(job: flags.JobId, registry: Registry, shown: Shown) -> None:
    """Pause a job, here or in another process: what runs is finished, nothing new begins."""

    async def work(display: "Display") -> None:
        async with registry.open() as repository:
            manager = manager_of(repository, display)
            with display.activity(f"waiting until what job {job} runs is finished"):
                summary = await manager.pause(job)
            tell_state(display, summary, registry)

    shown.run(work)


def manager_of(repository: "JobRepository", display: "Display") -> "JobManager":
    """Return what manages the jobs of a repository."""
    from orchestrator.backends.opening import open_backend
    from orchestrator.cli.options.webhook_options import webhooks
    from orchestrator.jobs.job_manager import JobManager

    backend_of = functools.partial(open_backend, display=display)
    return JobManager(repository, backend_of, webhooks=webhooks(display))


def tell_state(display: "Display", job: "JobSummary", registry: Registry) -> None:
    """Say how a job stands, and how to go on with it."""
    from orchestrator.model.job_state import JobState

    verb = {JobState.PAUSED: "resume", JobState.CANCELLED: "retry"}.get(job.state)
    how = f"; go on with: {registry.command(verb, job.id)}" if verb else ""
    display.note(
        str(job.state),
        f"job {job.id} is {job.state}: {job.chunks_done} of {job.chunks_total} chunks done{how}",
        id=job.id,
        state=str(job.state),
        chunksDone=job.chunks_done,
        chunksTotal=job.chunks_total,
    )
