"""Runs a job where the flags say."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from helios.job_spec import JobSpec
    from orchestrator.destination import Destination
    from orchestrator.display import Display
    from orchestrator.remote_run import RemoteOptions
    from orchestrator.run_options import RunOptions


async def execute(
    spec: "JobSpec",
    *,
    job_file: Path,
    job_dir: Path,
    destination: "Destination | None",
    options: "RunOptions",
    remote: "RemoteOptions | None",
    display: "Display",
) -> None:
    """Run a job on this machine, or elsewhere if `remote` says where.

    Raises
    ------
    HeliosError
        As `run_job` and `run_remote_job`.
    """
    if remote is None:
        from orchestrator.adapters.local import LocalWorkerAdapter
        from orchestrator.local_run import run_job

        await run_job(
            spec,
            adapter=LocalWorkerAdapter(),
            job_file=job_file,
            job_dir=job_dir,
            destination=destination,
            options=options,
            display=display,
        )
        return
    from orchestrator.remote_run import run_remote_job

    await run_remote_job(
        spec,
        job_file=job_file,
        job_dir=job_dir,
        destination=destination,
        options=options,
        remote=remote,
        display=display,
    )
