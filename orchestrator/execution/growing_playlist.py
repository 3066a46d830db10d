"""The playlist of a job, which grows while its chunks are rendered."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.contract.merge_command import merged_name
from orchestrator.delivery.destination import Destination
from orchestrator.display.display import Display
from orchestrator.execution.live_playlist import LivePlaylist
from orchestrator.execution.seam_step import SeamSource
from orchestrator.planning.output_kinds import is_playlist
from orchestrator.scheduling.worker_jobs import WorkerJobs


def playlist_path(spec: JobSpec, job_dir: Path, destination: Destination | None) -> Path | None:
    """Return where a job's playlist grows; None if its result is none."""
    name = merged_name(spec)
    if not is_playlist(name):
        return None
    return ((destination and destination.path) or job_dir / name).absolute()


@contextlib.asynccontextmanager
async def growing_playlist(
    spec: JobSpec,
    path: Path | None,
    *,
    job_dir: Path,
    done: Iterable[int],
    seams: SeamSource,
    display: Display,
) -> AsyncIterator[LivePlaylist | None]:
    """Let a job's playlist grow while the context lasts; without a path, the job makes none.

    The spec has commands for this machine.
    """
    if path is None:
        yield None
        return
    jobs = WorkerJobs(job_dir=job_dir, job_path=str(job_dir / "job.json"), timeout=None)
    playlist = LivePlaylist(
        spec,
        job_dir,
        path,
        merge=jobs.merge(spec.merge_command, 1),
        on_first=lambda: display.note(
            "playlist", f"{path.name} can be watched now", output=str(path)
        ),
        seams=seams,
    )
    async with playlist.growing(done=done):
        yield playlist
