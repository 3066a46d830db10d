"""Batches in the job store, as `orchestrator list` shows them."""

import socket
from datetime import UTC, datetime
from pathlib import Path

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


def test_a_batch_whose_process_is_gone_is_interrupted() -> None:
    batch = BatchSummary(
        id="batch-1",
        source="page",
        output="{id}.mp4",
        machine=socket.gethostname(),
        process=2**22 + 1,  # above the largest number that Linux gives
        created_at=datetime.now(UTC),
        rows=3,
    )
    assert batch.state == "interrupted"
    assert batch.model_copy(update={"machine": "another"}).state == "running"
    stopped = batch.model_copy(update={"ended_at": datetime.now(UTC), "states": {"rendered": 1}})
    assert stopped.state == "paused"
