"""The folder that a job runs in: made, seen from this machine, and removed."""

import contextlib
import shutil
import socket
from pathlib import Path

from helios.assets.archive import TOP_FOLDER
from helios.contract.job_spec import JobSpec
from helios.errors import JobSpecInvalid, JobSpecNotFound, OptionInvalid
from helios.output import whole_output, write_failure
from orchestrator.delivery.destination import Destination
from orchestrator.model.job import Job, spec_digest
from orchestrator.model.location import JobLocation
from orchestrator.planning.resume import remove_outputs


def make_folder(folder: Path) -> None:
    """Make a job's folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise write_failure(fault, output=folder) from fault


def prepare_folder(job: Job, location: JobLocation) -> bool:
    """Make a job's folder, and tell whether chunks in it may be the job's."""
    try:
        ours = spec_digest(JobSpec.load(Path(location.job_path))) == job.spec_digest
    except JobSpecInvalid:
        ours = False
    except JobSpecNotFound:
        _write_spec(job, location)
        ours = False
    make_folder(location.folder)
    return ours


def _write_spec(job: Job, location: JobLocation) -> None:
    here = socket.gethostname()
    if location.is_local and location.machine not in (None, here):
        raise OptionInvalid(
            f"job {job.id}: its folder {location.folder} is on {location.machine}, not on {here}",
            hint="Resume it on that machine.",
        )
    make_folder(location.folder)
    with whole_output(Path(location.job_path)) as folder:
        (folder / "whole").write_text(job.spec.to_json(), "utf-8")


def remove_folder(spec: JobSpec, folder: Path) -> None:
    """Remove what a planned job left in a folder of its own, and the folder if it is empty then."""
    shutil.rmtree(folder / "chunks", ignore_errors=True)
    remove_outputs(spec, folder)
    (folder / "job.json").unlink(missing_ok=True)
    if (folder / TOP_FOLDER).is_symlink():
        (folder / TOP_FOLDER).unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def location_here(job: Job) -> JobLocation:
    """Return a job's location, with paths of this machine.

    Remote workers can be reached from any machine: on another one than before, the job's folder and
    its output are in the current folder.
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


def from_here(path: Path) -> Path:
    """Return a path as people in the current folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
