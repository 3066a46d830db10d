"""The store of job records, as a caller names it."""

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from helios.contract.command import format_command
from orchestrator.job_repository import JobRepository
from orchestrator.job_repository.opening import JOBS, NONE, default_folder, open_repository


@dataclass(frozen=True, slots=True)
class JobStore:
    """A store of job records."""

    #: A folder, an s3:// or gs:// URL, or `none`; by default the value of `HELIOS_JOBS`, else a
    #: folder in the user's home.
    where: str | None = None

    @property
    def is_default(self) -> bool:
        """Whether neither the caller nor the environment names the store."""
        return self.where is None and not os.environ.get(JOBS)

    @property
    def forgets(self) -> bool:
        """Whether records end with this process."""
        return self.location == NONE

    @property
    def location(self) -> str:
        """The folder or URL, or `none`."""
        return self.where or os.environ.get(JOBS) or str(default_folder(os.environ))

    def open(self) -> AbstractAsyncContextManager[JobRepository]:
        """Open the repository for the time of a context."""
        return open_repository(self.location, os.environ)

    def command(self, verb: str, job_id: str) -> str:
        """Return a command line for a job."""
        where = [] if self.where is None else ["--jobs", self.where]
        return format_command(["orchestrator", verb, job_id, *where])
