"""Batches in the job store, as `orchestrator list` shows them."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helios.errors import StorageUnavailable
from helios.storage.local import LocalStorage
from orchestrator.api.jobs.batch_summary import BatchSummary, batch_summaries, recorded_batch
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.display.display import SilentDisplay


async def test_a_batch_is_listed_with_its_rows_while_it_runs_and_after_its_end(
    tmp_path: Path,
) -> None:
    store = JobStore(str(tmp_path))
    facts = {"source": "page", "output": "out/{id}.mp4", "display": SilentDisplay()}
    async with recorded_batch(store, rows=2, **facts) as record:  # type: ignore[arg-type]
        (running,) = await batch_summaries(store, limit=9)
        await record.note("rendered")
        await record.note("failed")
    (ended,) = await batch_summaries(store, limit=9)
    assert (running.state, running.done) == ("running", 0)
    assert (ended.id, ended.state, ended.done, ended.failed) == (running.id, "failed", 1, 1)
    assert await batch_summaries(JobStore("none"), limit=9) == []


async def test_the_limit_counts_the_batches_in_the_wanted_states_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.api.jobs.batch_summary._READS_AT_ONCE", 1)
    store = JobStore(str(tmp_path))
    facts = {"source": "page", "output": "out/{id}.mp4", "display": SilentDisplay()}
    async with recorded_batch(store, rows=1, **facts) as record:  # type: ignore[arg-type]
        await record.note("failed")
    async with recorded_batch(store, rows=0, **facts):  # type: ignore[arg-type]
        pass
    for state in ("failed", "completed"):
        found = await batch_summaries(store, states=[state], limit=1)
        assert [each.state for each in found] == [state]


async def test_a_summary_that_cannot_be_written_is_left_to_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise StorageUnavailable("no connection")

    store = JobStore(str(tmp_path))
    facts = {"source": "page", "output": "out/{id}.mp4", "display": SilentDisplay()}
    async with recorded_batch(store, rows=1, **facts) as record:  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(LocalStorage, "put_bytes", fail)
            await record.write()
        await record.note("rendered")
    (ended,) = await batch_summaries(store, limit=9)
    assert ended.state == "completed"


async def test_a_running_batch_is_written_while_no_row_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.api.jobs.batch_summary._BEAT", 0.01)
    store = JobStore(str(tmp_path))
    facts = {"source": "page", "output": "out/{id}.mp4", "display": SilentDisplay()}
    async with recorded_batch(store, rows=1, **facts):  # type: ignore[arg-type]
        (begun,) = await batch_summaries(store, limit=9)
        await asyncio.sleep(0.1)
        (later,) = await batch_summaries(store, limit=9)
    assert later.written_at > begun.written_at


def test_a_batch_whose_process_is_gone_is_interrupted() -> None:
    batch = BatchSummary(
        id="batch-1",
        source="page",
        output="{id}.mp4",
        machine=socket.gethostname(),
        process=2**22 + 1,  # above the largest number that Linux gives
        created_at=datetime.now(UTC),
        written_at=datetime.now(UTC),
        rows=3,
    )
    assert batch.state == "interrupted"
    other = batch.model_copy(update={"machine": "another"})
    assert other.state == "running"
    silent = datetime.now(UTC) - timedelta(minutes=6)
    assert other.model_copy(update={"written_at": silent}).state == "interrupted"
    stopped = batch.model_copy(update={"ended_at": datetime.now(UTC), "states": {"rendered": 1}})
    assert stopped.state == "paused"
