"""Ids of batches in the commands that take jobs, without a cloud."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helios.errors import JobNotFound, StorageUnavailable
from orchestrator.api.jobs.batch_summary import BatchSummary
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.backends.detached.batch import DetachedBatch
from orchestrator.backends.detached.batch_record import row_job_id
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.cli import app
from orchestrator.cli.commands.jobs import batches
from tests.orchestrator.backends.detached.test_batch import BATCH, make_batch
from tests.orchestrator.backends.detached.test_renders import desk


async def test_a_deletion_that_fails_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page" / "index.html"
    page.parent.mkdir()
    page.write_text("<p>page</p>")
    delete = DetachedJob.delete

    async def fail(job: DetachedJob, **settings: Any) -> None:
        if job.id == row_job_id(BATCH, 2):
            raise StorageUnavailable("no connection")
        await delete(job, **settings)

    async with desk(tmp_path) as at:

        @asynccontextmanager
        async def opened(_: object) -> AsyncIterator[DetachedRenders]:
            yield at.renders

        monkeypatch.setattr("orchestrator.api.targets.deployments.detached_renders", opened)
        monkeypatch.setattr("orchestrator.api.jobs.detached_job.detached_renders", opened)
        batch = await make_batch(at, page.parent)
        await batch.begin()
        await batch.cancel(reason="")

        async def find() -> SimpleNamespace:
            return SimpleNamespace(artifacts=at.backend.artifacts)

        name = SimpleNamespace(find=find)
        where: Any = SimpleNamespace(store=lambda: JobStore("none"), name=lambda: name)
        with monkeypatch.context() as patch:
            patch.setattr(DetachedJob, "delete", fail)
            with pytest.raises(StorageUnavailable):
                await batches.delete(BATCH, where, chunks=False)
        assert (await DetachedBatch.open(BATCH, at.renders)).record == batch.record
        await batches.delete(BATCH, where, chunks=False)
        with pytest.raises(JobNotFound):
            await DetachedBatch.open(BATCH, at.renders)
        for row in range(1, 5):
            assert await at.folder(row_job_id(BATCH, row)).stat("job.json") is None


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("words", [("watch", "--web"), ("logs",), ("report",)])
def test_commands_that_take_a_single_job_refuse_a_batch_and_name_a_row(
    words: tuple[str, ...],
) -> None:
    ended = run(*words, BATCH, "--jobs", "none")
    assert ended.exit_code != 0
    assert "takes a single job" in ended.output
    assert f"{BATCH}-r1" in ended.output


def test_a_batch_is_not_paused_but_cancelled() -> None:
    ended = run("pause", BATCH, "--jobs", "none")
    assert "can't be paused" in ended.output
    assert f"orchestrator cancel {BATCH}" in ended.output


def test_a_page_that_is_shown_until_ctrl_c_does_not_go_with_a_notification() -> None:
    ended = run("watch", "20261201-101500-7kx2m4", "--web", "--notify", "--jobs", "none")
    assert "`notify`: doesn't go with `web`" in ended.output


def test_a_batch_that_another_machine_left_is_deleted_by_its_last_write(tmp_path: Path) -> None:
    left = BatchSummary(
        id=BATCH,
        source="page",
        output="{id}.mp4",
        machine="another",
        process=1,
        created_at=datetime.now(UTC) - timedelta(days=9),
        written_at=datetime.now(UTC) - timedelta(days=3),
        rows=3,
    )
    file = tmp_path / "batches" / f"{BATCH}.json"
    file.parent.mkdir()
    file.write_bytes(left.to_bytes())
    for days, is_left in ((4, True), (2, False)):
        run("delete", "--ended-for", str(days), "--jobs", str(tmp_path))
        assert file.exists() == is_left
