"""Runs jobs where their location says: in a folder of this machine, or elsewhere from there."""

import asyncio
import contextlib
import dataclasses
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from helios.assets.archive import TOP_FOLDER
from helios.contract.job_spec import JobSpec
from helios.errors import JobSpecInvalid, JobSpecNotFound, OptionInvalid
from helios.output import whole_output
from orchestrator.adapters import LocalWorkerAdapter, WorkerAdapter
from orchestrator.backends.base import Backend
from orchestrator.backends.endpoints import WorkerGroup, open_worker_groups
from orchestrator.backends.local import make_folder, run_job
from orchestrator.backends.remote import RemoteSettings, forget_stored, run_remote_job
from orchestrator.delivery.destination import Destination
from orchestrator.display.display import Display, SilentDisplay
from orchestrator.execution.run_hooks import RunHooks
from orchestrator.model.job import AdapterSettings, Job, JobLocation, spec_digest
from orchestrator.model.limits import Limits
from orchestrator.model.settings import RunOptions
from orchestrator.planning.resume import remove_outputs


class WorkerGroupOpener(Protocol):
    """Returns the groups that settings describe."""

    def __call__(
        self, settings: Sequence[AdapterSettings], *, concurrency: int
    ) -> Sequence[WorkerGroup]: ...


class TargetBackend(Backend):
    """Runs each job where its location says.

    Parameters
    ----------
    display:
        Shows how they go; nothing does by default.
    local:
        Runs the chunks of jobs on this machine; as processes by default.
    opener:
        Returns the groups that jobs elsewhere run at.
    admission:
        As in `RemoteSettings`.
    """

    def __init__(
        self,
        *,
        display: Display | None = None,
        local: WorkerAdapter | None = None,
        opener: WorkerGroupOpener = open_worker_groups,
        admission: Path | None = None,
    ) -> None:
        self._display = display or SilentDisplay()
        self._local = local or LocalWorkerAdapter()
        self._opener = opener
        self._admission = admission

    async def run(self, job: Job, *, keep_chunks: bool, control: RunHooks) -> str:
        location, settings = _as_from_here(job), job.settings
        holds = await asyncio.to_thread(_prepare, job, location)
        destination = None
        if location.output is not None:
            destination = Destination.of(location.output)
            if destination.path is not None:
                destination = Destination(path=_from_here(destination.path))
        # What is elsewhere says itself what it is part of.
        kept = keep_chunks and (holds or not location.is_local)
        options = RunOptions.of(settings, resume=kept)
        job_file, job_dir = _from_here(Path(location.job_path)), _from_here(location.folder)
        if location.is_local:
            limits = Limits(deadline=settings.deadline)
            control = dataclasses.replace(control, limits=limits)
            return await run_job(
                job.spec,
                adapter=self._local,
                job_file=job_file,
                job_dir=job_dir,
                destination=destination,
                options=options,
                display=self._display,
                control=control,
            )
        groups = self._opener(location.adapters, concurrency=settings.concurrency)
        if settings.max_cost is not None:
            groups = await _priced(groups, location.adapters)
        control = dataclasses.replace(control, limits=_limits(job, groups))
        return await run_remote_job(
            job.spec,
            job_file=job_file,
            job_dir=job_dir,
            destination=destination,
            options=options,
            remote=RemoteSettings(groups=groups, stitch=settings.stitch, admission=self._admission),
            display=self._display,
            control=control,
        )

    async def tidy(self, job: Job) -> None:
        location = _as_from_here(job)
        if not location.keep:
            await asyncio.to_thread(_remove_folder, job.spec, location.folder)

    async def forget(self, job: Job) -> None:
        await asyncio.to_thread(remove_outputs, job.spec, _as_from_here(job).folder)
        await forget_stored(job.spec, [each.artifacts for each in job.location.adapters])

    async def discard(self, job: Job) -> None:
        await self.forget(job)
        await self.tidy(job)


async def _priced(
    groups: Sequence[WorkerGroup], settings: Sequence[AdapterSettings]
) -> list[WorkerGroup]:
    """Return groups with what their workers cost."""
    from orchestrator.cost.invocation import price_of  # noqa: PLC0415 - few need prices

    return [
        dataclasses.replace(site, price=await price_of(each))
        for site, each in zip(groups, settings, strict=True)
    ]


def _limits(job: Job, groups: Sequence[WorkerGroup]) -> Limits:
    """Return a job's limits, of which its earlier runs have used up a part."""
    seconds, attempts = job.metrics.worker_ms / 1000, job.metrics.attempts
    prices = [site.price for site in groups if site.price is not None]
    # Which of them ran what isn't kept: the dearest one is on the safe side.
    spent = max((p.second * seconds + p.invocation * attempts for p in prices), default=0.0)
    settings = job.settings
    return Limits(max_cost=settings.max_cost, deadline=settings.deadline, spent=spent)


def _as_from_here(job: Job) -> JobLocation:
    """Return where a job runs, seen from this machine.

    One whose chunks are rendered elsewhere can be gone on with from any machine: what belongs in
    a folder then comes into the current one.
    """
    location = job.location
    if location.is_local or location.machine in (None, socket.gethostname()):
        return location
    here = Path.cwd()
    folder = here / f"{job.id}.job"
    changes = {"job_path": str(folder / "job.json"), "job_dir": str(folder)}
    output = None if location.output is None else Destination.of(location.output)
    if output is not None and output.path is not None:
        changes["output"] = str(here / output.name)
    return location.model_copy(update=changes)


def _prepare(job: Job, location: JobLocation) -> bool:
    """Make a job's folder, and tell whether what is in it may be the job's.

    Raises
    ------
    OptionInvalid
        The folder is on another machine.
    OutputUnwritable, DiskFull
    """
    path = Path(location.job_path)
    try:
        if spec_digest(JobSpec.load(path)) == job.spec_digest:
            return True
    except JobSpecInvalid:
        return False
    except JobSpecNotFound:
        pass
    here = socket.gethostname()
    if location.is_local and location.machine not in (None, here):
        raise OptionInvalid(
            f"job {job.id}: its folder {location.folder} is on {location.machine}, not on {here}",
            hint="Go on with it there.",
        )
    make_folder(location.folder)
    with whole_output(path) as folder:
        (folder / "whole").write_text(job.spec.to_json(), "utf-8")
    return False


def _remove_folder(spec: JobSpec, folder: Path) -> None:
    """Remove what a planned job left in a folder of its own, and the folder if it is empty then."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    remove_outputs(spec, folder)
    (folder / "job.json").unlink(missing_ok=True)
    if (folder / TOP_FOLDER).is_symlink():
        (folder / TOP_FOLDER).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _from_here(path: Path) -> Path:
    """Return a path as people in the current folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
