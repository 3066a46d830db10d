"""A detached batch: each row is a render of its own, and all rows share one limit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Self

from helios.concurrency import map_limited
from helios.contract.job_spec import JobSpec
from helios.contract.spec_json import MAX_SPEC_BYTES
from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    JobNotFound,
    JobStateConflict,
    OptionInvalid,
)
from helios.records.job_outcome import read_outcome
from helios.records.spec_slices import SLICES
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.batch_record import RECORD, STOPPED, BatchRecord, BatchRow
from orchestrator.backends.detached.renders import INTERVAL, DetachedRenders
from orchestrator.delivery.destination import Destination
from orchestrator.model.job_state import JobState

#: Rows that are looked at, started, or fetched at once.
_AT_ONCE = 16
_MAX_RECORD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """A detached batch at one moment.

    Attributes:
        executions: What the engine says of the jobs that were begun, by their ids.
    """

    record: BatchRecord
    executions: Mapping[str, Execution]

    @property
    def counts(self) -> Counter[str]:
        """The number of rows in each state; those that weren't begun are `PENDING`."""
        return Counter(str(self.state_of(row.job)) for row in self.record.rows)

    @property
    def state(self) -> JobState:
        """`RUNNING` while a row runs, `PENDING` while only rows that weren't begun are left."""
        counts = self.counts
        for state in (JobState.RUNNING, JobState.FAILED, JobState.CANCELLED, JobState.PENDING):
            if counts[state]:
                return state
        return JobState.COMPLETED

    def state_of(self, job_id: str) -> JobState:
        """Return the state of a row's job."""
        found = self.executions.get(job_id)
        return JobState.PENDING if found is None else found.state

    def jobs_in(self, *states: JobState) -> list[str]:
        """Return the ids of the jobs in some states."""
        return [job for job in self.record.jobs if self.state_of(job) in states]


class DetachedBatch:
    """A batch whose rows run in one backend.

    As many rows are begun as may run at the same time. The others are begun by a client that
    follows or resumes the batch, as rows end.
    """

    def __init__(self, record: BatchRecord, renders: DetachedRenders) -> None:
        self.record = record
        self._renders = renders
        self._folder = renders.folder(record.id)
        # Rows that have ended; a resumption runs some of them again.
        self._ended: dict[str, Execution] = {}

    @classmethod
    async def create(cls, record: BatchRecord, renders: DetachedRenders) -> Self:
        """Record a batch whose jobs are in storage; none of them is begun.

        Raises:
            OptionInvalid: It has too many rows for a record that `open` reads.
        """
        data = record.to_bytes()
        if len(data) > _MAX_RECORD_BYTES:
            raise OptionInvalid(
                f"batch {record.id}: the record of {len(record.rows)} rows has {len(data)} bytes,"
                f" and may have {_MAX_RECORD_BYTES}",
                hint="Split the rows into several batches.",
            )
        await renders.folder(record.id).put_bytes(RECORD, data)
        return cls(record, renders)

    @classmethod
    async def open(cls, batch_id: str, renders: DetachedRenders) -> Self:
        """Return a batch by its id; `JobNotFound` if there is none."""
        folder = renders.folder(batch_id)
        try:
            data = await folder.get_bytes(RECORD, limit=_MAX_RECORD_BYTES)
        except ArtifactNotFound:
            raise renders.backend.unknown(batch_id) from None
        record = BatchRecord.parse(data)
        if record is None:
            raise ArtifactCorrupt(f"{folder.url_of(RECORD)}: isn't the record of a batch")
        return cls(record, renders)

    async def status(self) -> BatchStatus:
        """Return how far it is."""
        found: dict[str, Execution] = {}
        # Rows are begun in order, so that the engine isn't asked for all those that weren't.
        jobs = self.record.jobs
        for first in range(0, len(jobs), _AT_ONCE):
            some = jobs[first : first + _AT_ONCE]
            looked = await map_limited(self._look, some, limit=_AT_ONCE)
            known = {each.job_id: each for each in looked if each is not None}
            if not known:
                break
            found |= known
        return BatchStatus(record=self.record, executions=found)

    async def begin(self) -> BatchStatus:
        """Begin rows that weren't, as many as may run at the same time; return how far it is."""
        status = await self.status()
        waiting = status.jobs_in(JobState.PENDING)[: self._room(status)]
        if not waiting or await self._folder.stat(STOPPED) is not None:
            return status
        begun = await map_limited(self._start, waiting, limit=_AT_ONCE)
        if await self._folder.stat(STOPPED) is not None:
            # `cancel`, of another client, may have looked before these were there.
            await self._stop(waiting, reason="its batch was cancelled")
            return await self.status()
        executions = {**status.executions, **{each.job_id: each for each in begun}}
        return BatchStatus(record=self.record, executions=executions)

    async def follow(self, *, interval: float = INTERVAL) -> AsyncIterator[BatchStatus]:
        """Yield how far it is every `interval` seconds until nothing runs, and begin further rows.

        A batch that was cancelled begins none.
        """
        while True:
            status = await self.begin()
            yield status
            if not status.counts[JobState.RUNNING]:
                return
            await asyncio.sleep(interval)

    async def cancel(self, *, reason: str) -> BatchStatus:
        """Stop the rows that run, and begin no others."""
        await self._folder.put_bytes(STOPPED, b"")
        await self._stop((await self.status()).jobs_in(JobState.RUNNING), reason=reason)
        return await self.status()

    async def resume(self, *, stop_at: datetime | None = None) -> BatchStatus:
        """Run rows that failed or were stopped again, then others, as many as may run at once.

        `stop_at` takes the place of the recorded time after which no chunk starts, for rows that
        are begun later as well.

        Raises:
            JobStateConflict: All rows are rendered.
        """
        status = await self.status()
        if status.state is JobState.COMPLETED:
            raise JobStateConflict(
                f"batch {self.record.id}: is completed",
                hint=f"orchestrator fetch {self.record.id} -o FOLDER",
            )
        await self._folder.delete(STOPPED)
        if stop_at is not None:
            self.record = self.record.model_copy(update={"stop_at": stop_at})
            await self._folder.put_bytes(RECORD, self.record.to_bytes())
        again = status.jobs_in(JobState.FAILED, JobState.CANCELLED)[: self._room(status)]

        async def resume(job_id: str) -> None:
            await self._renders.resume(
                job_id,
                concurrency=self.record.row_concurrency,
                stop_at=self.record.stop_at,
            )

        await map_limited(resume, again, limit=_AT_ONCE)
        self._ended.clear()
        return await self.begin()

    async def fetch(self, folder: str) -> int:
        """Copy the videos that are rendered into a folder, or below a URL; return their number."""
        status = await self.status()
        done = set(status.jobs_in(JobState.COMPLETED))
        rows = [row for row in self.record.rows if row.job in done]

        async def copy(row: BatchRow) -> None:
            target = Destination.of(f"{folder.rstrip('/')}/{PurePosixPath(row.name)}")
            await self._renders.fetch(row.job, target)

        await map_limited(copy, rows, limit=_AT_ONCE)
        return len(rows)

    async def forget(self) -> None:
        """Remove the batch's record, and the jobs of rows that weren't begun."""

        async def remove(job_id: str) -> None:
            folder = self._renders.folder(job_id)
            await folder.delete_prefix(SLICES)
            await folder.delete("job.json")

        waiting = (await self.status()).jobs_in(JobState.PENDING)
        await map_limited(remove, waiting, limit=_AT_ONCE)
        for name in (RECORD, STOPPED):
            await self._folder.delete(name)

    async def _look(self, job_id: str) -> Execution | None:
        if job_id in self._ended:
            return self._ended[job_id]
        outcome = await read_outcome(self._renders.folder(job_id))
        if outcome is not None and outcome.status == "completed":
            found = Execution.of_outcome(outcome)
        else:
            try:
                found = await self._renders.backend.find(job_id)
            except JobNotFound:
                return None
        if found.state not in (JobState.PENDING, JobState.RUNNING):
            self._ended[job_id] = found
        return found

    async def _stop(self, jobs: Sequence[str], *, reason: str) -> None:
        async def stop(job_id: str) -> None:
            await self._renders.backend.cancel(job_id, reason=reason)

        await map_limited(stop, jobs, limit=_AT_ONCE)

    async def _start(self, job_id: str) -> Execution:
        folder = self._renders.folder(job_id)
        data = await folder.get_bytes("job.json", limit=MAX_SPEC_BYTES)
        return await self._renders.backend.start(
            JobSpec.parse(data, source=folder.url_of("job.json")),
            concurrency=self.record.row_concurrency,
            stop_at=self.record.stop_at,
        )

    def _room(self, status: BatchStatus) -> int:
        running = len(status.jobs_in(JobState.RUNNING))
        return max(0, self.record.rows_at_once - running)
