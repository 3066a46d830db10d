"""Looks at a detached render, once or until it has ended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Self

from helios.contract.job_spec import JobSpec
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import ArtifactNotFound, JobNotFound
from helios.records.chunk_index import JobIndex
from helios.records.job_outcome import read_outcome
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.status import RenderStatus, problems_in
from orchestrator.model.job_state import JobState

#: Seconds until the outcome of a render that has ended must be in storage.
OUTCOME_PATIENCE = 20.0


class RenderWatch:
    """Puts together what the engine, the chunks and the outcome in storage say of a render."""

    def __init__(
        self, job_id: str, backend: DetachedBackend, folder: ArtifactStorage, spec: JobSpec
    ) -> None:
        self._job_id = job_id
        self._backend = backend
        self._folder = folder
        self._index = JobIndex(folder, spec)

    @classmethod
    async def of(cls, job_id: str, backend: DetachedBackend, folder: ArtifactStorage) -> Self:
        """Return the watch of a stored render; `JobNotFound` if there is none."""
        try:
            data = await folder.get_bytes("job.json", limit=MAX_SPEC_BYTES)
        except ArtifactNotFound:
            raise backend.unknown(job_id) from None
        spec = JobSpec.parse(data, source=folder.url_of("job.json"))
        return cls(job_id, backend, folder, spec)

    async def status(self) -> RenderStatus:
        """Return how far the render is, with what pages of its chunks logged or threw."""
        return await self._with_problems(await self._look())

    async def statuses(self, *, interval: float) -> AsyncIterator[RenderStatus]:
        """Yield how far it is, now and again after `interval` seconds until it has ended.

        The last status has the render's outcome, unless it was never recorded, and what pages
        logged or threw.
        """
        while True:
            status = await self._look()
            if status.state is not JobState.RUNNING:
                yield await self._with_problems(await self._with_outcome(status, interval))
                return
            yield status
            await asyncio.sleep(interval)

    async def _look(self, *, whole: bool = False) -> RenderStatus:
        execution, _, outcome = await asyncio.gather(
            self._execution(), self._index.update(whole=whole), read_outcome(self._folder)
        )
        if execution is None:
            if outcome is None:
                raise JobNotFound(
                    f"render {self._job_id!r}: was stored, but never started in the"
                    f" {self._backend.name}",
                    hint="Submit it again, under the same --request-id.",
                )
            execution = Execution.of_outcome(outcome)
        elif outcome is not None and outcome.execution != execution.name:
            outcome = None
        return RenderStatus(
            execution=execution, spec=self._index.spec, done=self._index.done, outcome=outcome
        )

    async def _execution(self) -> Execution | None:
        """Return the execution; None if the engine doesn't know it, or no longer does."""
        try:
            return await self._backend.find(self._job_id)
        except JobNotFound:
            return None

    async def _with_problems(self, status: RenderStatus) -> RenderStatus:
        """Return a status with the errors and warnings of pages."""
        count = sum(entry.has_problems for entry in self._index.entries.values())
        found = await problems_in(self._folder, self._index)
        return replace(status, page_problems=found, problem_chunks=count)

    async def _with_outcome(self, status: RenderStatus, interval: float) -> RenderStatus:
        """Wait for the outcome of a render that has ended, which is recorded a moment later."""
        left = OUTCOME_PATIENCE
        while status.outcome is None and left > 0:
            await asyncio.sleep(min(interval, left))
            left -= interval
            status = await self._look()
        # Entries may have come late, by clocks that differ.
        return await self._look(whole=True)
