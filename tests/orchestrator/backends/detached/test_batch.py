"""Detached batches over an engine that only remembers what it was told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helios.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    JobNotFound,
    JobStateConflict,
    OptionInvalid,
)
from orchestrator.api.jobs.finding import listed_renders
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.batch import DetachedBatch
from orchestrator.backends.detached.batch_record import (
    BatchRecord,
    BatchRow,
    batch_of,
    check_render_id,
    is_batch_id,
    new_batch_id,
    row_job_id,
)
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_state import JobState
from tests.orchestrator.backends.detached.conftest import Engine
from tests.orchestrator.backends.detached.test_renders import Desk, desk

BATCH = "batch-20261201-101500-7kx2m4"
OTHER = "batch-20261201-101500-7kx2m5"


async def make_batch(at: Desk, page: Path, *, rows: int = 4, concurrency: int = 2) -> DetachedBatch:
    jobs = [row_job_id(BATCH, number) for number in range(1, rows + 1)]
    for job in jobs:
        await at.renders.store(at.job(page, name=job, chunks=1))
    # The last row has the values of the first.
    rows_of = [
        BatchRow(row=number, line=number, job=job, name=f"{number}.mp4")
        for number, job in enumerate([*jobs, jobs[0]], 1)
    ]
    record = BatchRecord(
        id=BATCH,
        source="page",
        created_at=datetime.now(UTC),
        concurrency=concurrency,
        row_concurrency=1,
        rows=rows_of,
    )
    return await DetachedBatch.create(record, at.renders)


def running(at: Desk) -> list[str]:
    return sorted(
        job.rpartition("-")[2]
        for job, execution in at.backend.known.items()
        if execution.state is JobState.RUNNING
    )


async def complete(at: Desk, row: int) -> None:
    video = await at.folder("videos").put_bytes(f"{row}.mp4", f"video {row}".encode())
    await at.finish(video, row_job_id(BATCH, row))


async def test_as_many_rows_run_as_the_limit_allows_and_others_follow_as_rows_end(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page)
        status = await batch.begin()
        assert running(at) == ["r1", "r2"]
        assert set(at.backend.concurrency_of.values()) == {1}
        assert (status.state, status.counts) == ("running", {"running": 3, "pending": 2})

        await complete(at, 1)
        seen = await DetachedBatch.open(BATCH, at.renders)
        followed = seen.follow(interval=0)
        assert (await anext(followed)).counts == {"completed": 2, "running": 2, "pending": 1}
        assert running(at) == ["r2", "r3"]
        await complete(at, 2)
        await complete(at, 3)
        assert (await anext(followed)).counts == {"completed": 4, "running": 1}
        await complete(at, 4)
        assert [each.state async for each in followed] == ["completed"]

        assert await batch.fetch(str(tmp_path / "out")) == 5
        made = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
        assert made == {f"{n}.mp4": f"video {n}" for n in range(1, 5)} | {"5.mp4": "video 1"}
        with pytest.raises(JobStateConflict, match="is completed"):
            await batch.resume()


async def test_a_cancelled_batch_begins_no_row_until_resumed_and_a_forgotten_one_leaves_none(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page)
        await batch.begin()
        stopped = await batch.cancel(reason="by its owner")
        assert stopped.counts == {"cancelled": 3, "pending": 2}
        assert [each.state async for each in batch.follow(interval=0)] == ["cancelled"]
        assert running(at) == []

        later = datetime.now(UTC) + timedelta(hours=1)
        again = await batch.resume(stop_at=later)
        assert (await DetachedBatch.open(BATCH, at.renders)).record.stop_at == later
        assert again.counts == {"running": 3, "pending": 2}
        assert running(at) == ["r1", "r2"]
        await batch.cancel(reason="by its owner")
        await batch.forget()
        with pytest.raises(ArtifactNotFound):
            await at.spec(row_job_id(BATCH, 4))
        with pytest.raises(JobNotFound):
            await DetachedBatch.open(BATCH, at.renders)
        assert at.backend.resumed == {row_job_id(BATCH, 1): [0], row_job_id(BATCH, 2): [0]}


async def test_a_row_that_fails_is_rendered_again_and_the_others_go_on(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page, rows=2)
        await batch.begin()
        at.backend.end(row_job_id(BATCH, 1), JobState.FAILED)
        await complete(at, 2)
        status = await batch.status()
        assert (status.state, status.counts) == ("failed", {"failed": 2, "completed": 1})
        assert status.jobs_in(JobState.FAILED) == [row_job_id(BATCH, 1)]

        asked: list[str] = []
        find = at.backend.find

        async def counted(job_id: str) -> Execution:
            asked.append(job_id)
            return await find(job_id)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(at.backend, "find", counted)
            assert (await batch.status()).state == "failed"
            assert asked == []
        assert (await batch.resume()).counts == {"running": 2, "completed": 1}


async def test_rows_that_are_begun_while_another_client_cancels_are_stopped(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page)
        start = at.backend.start

        async def start_late(*arguments: Any, **settings: Any) -> Execution:
            await (await DetachedBatch.open(BATCH, at.renders)).cancel(reason="by its owner")
            return await start(*arguments, **settings)

        monkeypatch.setattr(at.backend, "start", start_late)
        assert (await batch.begin()).counts == {"cancelled": 3, "pending": 2}
        assert running(at) == []


async def test_batches_without_a_readable_record_are_listed_as_renders(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page)
        await batch.begin()
        for job in ("early", "batch-jan-r1", f"{OTHER}-r1", "late"):
            await at.renders.submit(at.job(page, name=job, chunks=1))
        at.backend.end("early", JobState.FAILED)
        await at.folder(OTHER).put_bytes("batch.json", b"{")
        executions, (listed,) = await listed_renders(at.renders, states=(), limit=9)
        names = [each.job_id for each in executions]
        assert names == ["late", f"{OTHER}-r1", "batch-jan-r1", "early"]
        assert listed.record.id == BATCH

        await batch.forget()
        executions, batches = await listed_renders(at.renders, states=(), limit=9)
        # Rows begin together.
        assert {each.job_id for each in executions[-2:]} == {f"{BATCH}-r2", f"{BATCH}-r1"}
        assert batches == []
        # Those in other states take no place of the limit.
        executions, _ = await listed_renders(at.renders, states=["failed"], limit=1)
        assert [each.job_id for each in executions] == ["early"]


async def test_a_record_that_is_too_large_is_refused(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.backends.detached.batch._MAX_RECORD_BYTES", 100)
    async with desk(tmp_path) as at:
        with pytest.raises(OptionInvalid, match="of 5 rows") as refused:
            await make_batch(at, page)
    assert "several batches" in (refused.value.hint or "")


async def test_a_record_with_a_video_outside_the_output_folder_is_refused(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        batch = await make_batch(at, page)
        data = batch.record.to_bytes().replace(b'"1.mp4"', b'"../../1.mp4"')
        await at.folder(BATCH).put_bytes("batch.json", data)
        with pytest.raises(ArtifactCorrupt, match="isn't the record of a batch"):
            await DetachedBatch.open(BATCH, at.renders)


@pytest.mark.slow
async def test_rows_are_executions_of_the_state_machine_of_aws(
    tmp_path: Path, page: Path, engine: Engine
) -> None:
    async with Stores() as stores:
        at = Desk(tmp_path, stores)
        at.renders = DetachedRenders(engine.backend(), stores)
        batch = await make_batch(at, page, rows=3)
        assert (await batch.begin()).counts == {"running": 3, "pending": 1}
        assert sorted(engine.executions()) == [row_job_id(BATCH, 1), row_job_id(BATCH, 2)]
        assert (await batch.cancel(reason="")).counts == {"cancelled": 3, "pending": 1}


async def test_a_batch_that_was_never_recorded_is_not_found(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        with pytest.raises(JobNotFound):
            await DetachedBatch.open(BATCH, at.renders)


def test_ids_tell_batches_their_rows_and_other_jobs_apart() -> None:
    batch = new_batch_id()
    assert is_batch_id(batch)
    assert batch_of(row_job_id(batch, 12)) == batch
    assert not is_batch_id(row_job_id(batch, 12))
    assert batch_of(batch) is None
    assert batch_of("20261201-101500-7kx2m4") is None
    assert not is_batch_id("batch-7")
    assert batch_of("batch-jan-r1") is None


def test_a_render_may_not_have_the_id_of_a_batch_or_of_a_row() -> None:
    assert check_render_id("batch-7") == "batch-7"
    for taken in (BATCH, row_job_id(BATCH, 1)):
        with pytest.raises(OptionInvalid, match="batches and their rows"):
            check_render_id(taken)
