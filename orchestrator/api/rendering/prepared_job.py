"""A job that is planned and ready to be recorded and run by this machine."""

import socket
from dataclasses import dataclass
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.errors import DiskFull, JobExists, OutputUnwritable
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.api.jobs.manager import manager_of
from orchestrator.backends.completion import hinting_at_resume
from orchestrator.delivery.destination import Destination
from orchestrator.display.display import Display
from orchestrator.job_repository import MemoryJobRepository
from orchestrator.lifecycle.job_manager import JobManager
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_id import new_job_id
from orchestrator.model.location import AdapterSettings, JobLocation
from orchestrator.model.settings import RunSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedJob:
    """A planned job, and how to run it."""

    spec: JobSpec
    #: Name for people: its composition.
    name: str
    #: Where chunks are rendered.
    adapters: list[AdapterSettings]
    #: Path of its spec, and the folder that it runs in.
    job_file: Path
    job_dir: Path
    #: Destination of the video; None leaves it in the job's folder.
    destination: Destination | None
    settings: RunSettings
    #: Whether existing chunks are kept.
    resume: bool
    #: Whether the job's folder stays after success.
    keep: bool

    async def create(self, manager: JobManager) -> Job:
        """Record the job, under an id of its own if the spec was run before."""
        location = self._location()
        try:
            return await manager.create(
                self.spec, location=location, settings=self.settings, name=self.name
            )
        except JobExists:
            return await manager.create(
                self.spec,
                location=location,
                settings=self.settings,
                name=self.name,
                job_id=new_job_id(),
            )

    def _location(self) -> JobLocation:
        output = None
        if self.destination is not None:
            output = self.destination.url or str(Path(str(self.destination)).absolute())
        return JobLocation(
            adapters=self.adapters,
            job_path=str(self.job_file.absolute()),
            job_dir=str(self.job_dir.absolute()),
            machine=socket.gethostname(),
            output=output,
            keep=self.keep,
        )


async def run_prepared(job: PreparedJob, store: JobStore, display: Display) -> JobSummary:
    """Record a job and run it to its end; if it stops early, the error says how to resume it."""
    async with store.open() as repository:
        manager = manager_of(repository, display)
        how = f"Run the same command again{'' if job.settings.incremental else ' with `resume`'}."
        try:
            created = await job.create(manager)
            if not store.forgets:
                how = f"Resume with: {store.command('resume', created.id)}"
                display.job_id = created.id
                display.note("job", f"job {created.id}", id=created.id)
        except (OutputUnwritable, DiskFull) as fault:
            if not store.is_default:
                raise
            display.note("unkept", f"the job isn't kept: {fault.message}", reason=fault.message)
            manager = manager_of(MemoryJobRepository(), display)
            created = await job.create(manager)
        with hinting_at_resume(how):
            return await manager.run(created.id, keep_chunks=job.resume)
