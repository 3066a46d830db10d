"""Batches of this machine in the job store, as `orchestrator list` shows them."""

import asyncio
import contextlib
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from pydantic import Field

from helios.concurrency import map_limited
from helios.errors import ArtifactNotFound, HeliosError, JobBusy
from helios.records.stored_model import StoredModel
from helios.storage import ArtifactStorage, is_storage_url, open_storage
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.backends.detached.batch_record import new_batch_id
from orchestrator.display.display import Display

#: Folder of the job store with a file for each batch.
_BATCHES = "batches/"
#: Seconds between two writes while a batch runs.
_WRITE_INTERVAL = 1.0
#: Seconds between two writes while no row ends.
_BEAT = 60.0
#: Time after the last write at which a batch of another machine is taken for interrupted.
_SILENCE = timedelta(minutes=5)
_MAX_BYTES = 64 * 1024
_READS_AT_ONCE = 16


class BatchSummary(StoredModel):
    """A batch, as far as it is."""

    id: str = Field(description="Its id.")
    source: str = Field(description="The composition.")
    output: str = Field(description="Template of the videos' names.")
    machine: str = Field(description="Name of the machine that runs it.")
    process: int = Field(description="Number of the process that runs it.")
    created_at: datetime = Field(description="Time at which it was begun.")
    written_at: datetime = Field(description="Time at which its process wrote this.")
    ended_at: datetime | None = Field(default=None, description="Time at which it ended.")
    rows: int = Field(description="Number of its rows.")
    states: dict[str, int] = Field(default={}, description="Rows that have ended, by their states.")

    @property
    def failed(self) -> int:
        """Number of failed rows."""
        return self.states.get("failed", 0)

    @property
    def done(self) -> int:
        """Number of rows whose videos are there."""
        return sum(self.states.values()) - self.failed

    @property
    def state(self) -> str:
        """`completed`, `failed` or `paused` once it has ended, until then `running`.

        It is `interrupted` if its process is gone: on another machine, if it hasn't written lately.
        """
        if self.ended_at is not None:
            if self.done == self.rows:
                return "completed"
            return "failed" if self.failed else "paused"
        return "running" if self._may_run() else "interrupted"

    def _may_run(self) -> bool:
        if self.machine != socket.gethostname():
            return datetime.now(UTC) - self.written_at < _SILENCE
        try:
            return psutil.Process(self.process).create_time() <= self.created_at.timestamp()
        except psutil.Error:
            return False

    def document(self) -> dict[str, Any]:
        """Return it as JSON value."""
        return {
            "id": self.id,
            "batch": True,
            "state": self.state,
            "where": self.machine,
            "name": self.source,
            "output": self.output,
            "createdAt": self.created_at.isoformat(),
            "endedAt": None if self.ended_at is None else self.ended_at.isoformat(),
            "rows": self.rows,
            "done": self.done,
            "failed": self.failed,
        }


class BatchRecorder:
    """Keeps the summary of a running batch in the job store."""

    def __init__(self, summary: BatchSummary, storage: ArtifactStorage | None) -> None:
        self._summary = summary
        self._storage = storage
        self._states: Counter[str] = Counter()
        self._written = 0.0

    async def note(self, state: str) -> None:
        """Take the end of a row into account."""
        self._states[state] += 1
        if time.monotonic() - self._written >= _WRITE_INTERVAL:
            await self.write()

    async def write(self, *, ended_at: datetime | None = None) -> None:
        """Write the summary; one that can't be written is left to the next write."""
        self._written = time.monotonic()
        if self._storage is None:
            return
        now = datetime.now(UTC)
        changed = {"states": dict(self._states), "written_at": now, "ended_at": ended_at}
        summary = self._summary.model_copy(update=changed)
        with contextlib.suppress(HeliosError, OSError):
            await self._storage.put_bytes(f"{_BATCHES}{summary.id}.json", summary.to_bytes())

    async def keep_writing(self) -> None:
        """Write the summary now and then, also while no row ends, until cancelled."""
        while True:
            await asyncio.sleep(_BEAT)
            await self.write()


@contextlib.asynccontextmanager
async def recorded_batch(
    store: JobStore, *, source: str, output: str, rows: int, display: Display
) -> AsyncIterator[BatchRecorder]:
    """Record a batch in the job store while the context lasts, and its end after it."""
    now = datetime.now(UTC)
    summary = BatchSummary(
        id=new_batch_id(),
        source=source,
        output=output,
        machine=socket.gethostname(),
        process=os.getpid(),
        created_at=now,
        written_at=now,
        rows=rows,
    )
    async with _opened(store) as storage:
        recorder = BatchRecorder(summary, storage)
        await recorder.write()
        if storage is not None:
            display.note("batch_started", f"batch {summary.id}", id=summary.id)
        writing = asyncio.create_task(recorder.keep_writing())
        try:
            yield recorder
        finally:
            writing.cancel()
            await asyncio.wait((writing,))
            await recorder.write(ended_at=datetime.now(UTC))


async def batch_summaries(
    store: JobStore, *, states: Collection[str] = (), limit: int
) -> list[BatchSummary]:
    """Return the latest batches of a store that are in one of some states, by default in any.

    The newest comes first.
    """
    async with _opened(store) as storage:
        if storage is None:
            return []
        keys = sorted((each.key for each in await storage.list(_BATCHES)), reverse=True)

        async def read(key: str) -> BatchSummary | None:
            return BatchSummary.parse(await storage.get_bytes(key, limit=_MAX_BYTES))

        found: list[BatchSummary] = []
        for first in range(0, len(keys), _READS_AT_ONCE):
            some = keys[first : first + _READS_AT_ONCE]
            read_now = await map_limited(read, some, limit=_READS_AT_ONCE)
            found += [each for each in read_now if each and (not states or each.state in states)]
            if len(found) >= limit:
                break
    return found[:limit]


async def find_summary(store: JobStore, batch_id: str) -> BatchSummary | None:
    """Return a batch of a store; None if it has none of this id."""
    async with _opened(store) as storage:
        if storage is None:
            return None
        try:
            data = await storage.get_bytes(f"{_BATCHES}{batch_id}.json", limit=_MAX_BYTES)
        except ArtifactNotFound:
            return None
        return BatchSummary.parse(data)


async def delete_summary(store: JobStore, batch_id: str) -> bool:
    """Remove a batch from a store; tell whether it was there.

    Raises:
        JobBusy: It runs.
    """
    found = await find_summary(store, batch_id)
    if found is None:
        return False
    if found.state == "running":
        raise JobBusy(
            f"batch {batch_id}: {found.machine} runs it", hint="Ctrl-C stops the command that does."
        )
    async with _opened(store) as storage:
        if storage is not None:
            await storage.delete(f"{_BATCHES}{batch_id}.json")
    return True


@contextlib.asynccontextmanager
async def _opened(store: JobStore) -> AsyncIterator[ArtifactStorage | None]:
    """Open the storage of a store; None if it forgets."""
    if store.forgets:
        yield None
        return
    storage = open_storage(_url(store.location))
    try:
        yield storage
    finally:
        await storage.close()


def _url(where: str) -> str:
    return where if is_storage_url(where) else Path(where).expanduser().absolute().as_uri()
