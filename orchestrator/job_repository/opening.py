"""Opens a job repository by its name: a folder, a shared storage, or none."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from helios.storage import is_storage_url, open_storage
from orchestrator.job_repository.base import JobRepository
from orchestrator.job_repository.file import FileJobRepository
from orchestrator.job_repository.memory import MemoryJobRepository
from orchestrator.job_repository.storage import StorageJobRepository

#: Environment variable that names the repository.
JOBS = "HELIOS_JOBS"
#: The name of a repository in memory, which ends with the process.
NONE = "none"


def default_folder(env: Mapping[str, str]) -> Path:
    """Return the default folder of jobs, in the user's folder for the state of programs."""
    return _base(env, "XDG_STATE_HOME", ".local/state") / "helios" / "jobs"


@contextlib.asynccontextmanager
async def open_repository(where: str, env: Mapping[str, str]) -> AsyncIterator[JobRepository]:
    """Open a repository for the time of a context: a folder, an s3:// or gs:// URL, or `none`."""
    if where == NONE:
        yield MemoryJobRepository()
    elif is_storage_url(where):
        index = _base(env, "XDG_CACHE_HOME", ".cache") / "helios" / f"jobs-{_digest(where)}"
        with contextlib.suppress(OSError):
            index.parent.mkdir(parents=True, exist_ok=True)
        storage = open_storage(where)
        try:
            yield StorageJobRepository(storage, index=index)
        finally:
            await storage.close()
    else:
        yield FileJobRepository(_folder(where))


def _folder(where: str) -> Path:
    return Path(where).expanduser()


def _base(env: Mapping[str, str], variable: str, usual: str) -> Path:
    # The standard says that relative paths are to be ignored.
    given = Path(env.get(variable, ""))
    return given if given.is_absolute() else Path.home() / usual


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
