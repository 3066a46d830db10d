"""Opens the backend for a job's location."""

from orchestrator.adapters import WorkerAdapter
from orchestrator.backends.base import Backend
from orchestrator.backends.deployed_workers import WorkerOpener, open_workers
from orchestrator.backends.local import LocalBackend
from orchestrator.backends.sharing import Share
from orchestrator.display.display import Display
from orchestrator.model.job import Job


def open_backend(
    job: Job,
    *,
    display: Display | None = None,
    local: WorkerAdapter | None = None,
    opener: WorkerOpener = open_workers,
    share: Share | None = None,
) -> Backend:
    """Return the backend for a job's location, with its adapter or with what opens its workers.

    With a `share`, it uses workers that other jobs use as well.
    """
    if job.location.is_local:
        return LocalBackend(job, display=display, adapter=local, share=share)
    # Local jobs don't need its imports.
    from orchestrator.backends.remote import RemoteBackend  # noqa: PLC0415

    return RemoteBackend(job, display=display, opener=opener, share=share)
