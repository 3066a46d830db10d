"""The jobs that are kept: where the flags say, and how to go on with one of them."""

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.job_repository import JobRepository


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Where jobs are kept."""

    jobs: flags.Jobs = None

    @property
    def is_default(self) -> bool:
        """Whether nobody said where jobs are kept."""
        from orchestrator.job_repository.opening import JOBS

        return self.jobs is None and not os.environ.get(JOBS)

    @property
    def forgets(self) -> bool:
        """Whether nobody wants jobs to be kept."""
        from orchestrator.job_repository.opening import NONE

        return self._where == NONE

    @property
    def _where(self) -> str:
        from orchestrator.job_repository.opening import JOBS, default_folder

        return self.jobs or os.environ.get(JOBS) or str(default_folder(os.environ))

    def open(self) -> "AbstractAsyncContextManager[JobRepository]":
        """Open the repository for the time of a context.

        Raises
        ------
        StorageInvalid
            A URL names no storage.
        """
        from orchestrator.job_repository.opening import open_repository

        return open_repository(self._where, os.environ)

    def command(self, verb: str, job_id: str) -> str:
        """Return the command that does something to a job."""
        from helios.contract.command import format_command

        where = [] if self.jobs is None else ["--jobs", self.jobs]
        return format_command(["orchestrator", verb, job_id, *where])
