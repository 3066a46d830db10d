"""Keeps a new job and runs it, for the commands that make one."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from helios.errors import DiskFull, JobExists, OutputUnwritable

if TYPE_CHECKING:
    from helios.contract.job_spec import JobSpec
    from orchestrator.cli.options.job_store_options import Registry
    from orchestrator.cli.options.webhook_options import WebhookOptions
    from orchestrator.delivery.destination import Destination
    from orchestrator.display.display import Display
    from orchestrator.jobs.job_manager import JobManager
    from orchestrator.model.job import Job
    from orchestrator.model.location import AdapterSettings, JobLocation
    from orchestrator.model.settings import RunSettings


async def execute(
    spec: "JobSpec",
    *,
    name: str,
    adapters: "list[AdapterSettings]",
    job_file: Path,
    job_dir: Path,
    destination: "Destination | None",
    settings: "RunSettings",
    resume: bool,
    keep: bool,
    registry: "Registry",
    telling: "WebhookOptions",
    display: "Display",
) -> None:
    """Keep a job, run it to its end, and say how to go on with it if that comes early.

    Parameters
    ----------
    name:
        What people know it by.
    adapters:
        Where chunks are rendered.
    resume:
        Whether chunks that are there already are kept.
    keep:
        Whether the job's folder stays after success.

    Raises
    ------
    HeliosError
        As `JobManager.run`.
    """
    from orchestrator.backends.completion import telling_how_to_go_on
    from orchestrator.backends.opening import open_backend
    from orchestrator.cli.options.webhook_options import webhooks
    from orchestrator.jobs.job_manager import JobManager

    settings = settings.model_copy(update={"webhook": telling.settings()})
    location = _job_location(adapters, job_file, job_dir, destination, keep=keep)
    backend_of = functools.partial(open_backend, display=display)
    async with registry.open() as repository:
        manager = JobManager(repository, backend_of, webhooks=webhooks(display))
        how = f"Go on with the same command{'' if settings.incremental else ' and --resume'}."
        try:
            job = await _create(manager, spec, location, settings, name)
            if not registry.forgets:
                how = f"Go on with: {registry.command('resume', job.id)}"
                display.note("job", f"job {job.id}", id=job.id)
        except (OutputUnwritable, DiskFull) as fault:
            if not registry.is_default:
                raise
            from orchestrator.job_repository import MemoryJobRepository

            display.note("unkept", f"the job isn't kept: {fault.message}", reason=fault.message)
            memory = MemoryJobRepository()
            manager = JobManager(memory, backend_of, webhooks=webhooks(display))
            job = await _create(manager, spec, location, settings, name)
        with telling_how_to_go_on(how):
            await manager.run(job.id, keep_chunks=resume)


def _job_location(
    adapters: "list[AdapterSettings]",
    job_file: Path,
    job_dir: Path,
    destination: "Destination | None",
    *,
    keep: bool,
) -> "JobLocation":
    import socket

    from orchestrator.model.location import JobLocation

    output = None
    if destination is not None:
        output = destination.url or str(Path(str(destination)).absolute())
    return JobLocation(
        adapters=adapters,
        job_path=str(job_file.absolute()),
        job_dir=str(job_dir.absolute()),
        machine=socket.gethostname(),
        output=output,
        keep=keep,
    )


async def _create(
    manager: "JobManager",
    spec: "JobSpec",
    location: "JobLocation",
    settings: "RunSettings",
    name: str,
) -> "Job":
    from orchestrator.model.job_id import new_job_id

    try:
        return await manager.create(spec, location=location, settings=settings, name=name)
    except JobExists:
        # The same spec was run before.
        return await manager.create(
            spec, location=location, settings=settings, name=name, job_id=new_job_id()
        )
