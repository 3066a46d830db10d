"""`orchestrator delete` of a detached batch, over an engine that only remembers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helios.errors import JobNotFound, StorageUnavailable
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.api.jobs.job_store import JobStore
from orchestrator.backends.detached.batch import DetachedBatch
from orchestrator.backends.detached.batch_record import row_job_id
from orchestrator.backends.detached.renders import DetachedRenders
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
