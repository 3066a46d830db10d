"""Handles on jobs that a deployment runs, over storage in a folder."""

import contextlib
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.records.chunk_record import ChunkRecord
from helios.records.chunk_trace import ChunkTrace, FrameSpan
from helios.records.job_layout import trace_of
from orchestrator.api.jobs import detached_job
from orchestrator.api.jobs.detached_job import DetachedJob
from orchestrator.backends.detached.base import Execution
from orchestrator.backends.detached.status import RenderStatus
from orchestrator.model.job_state import JobState
from tests.helios.worker_setup import make_spec
from tests.orchestrator.stacks import aws_stack

STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Renders:
    """One render, whose records are asked for."""

    def __init__(self, folder: Path, spec: JobSpec) -> None:
        self.folder = folder
        self.asked: list[int] = []
        self.key = "aa"
        run = Execution(job_id="film", name="run-1", state=JobState.RUNNING, started_at=STARTED)
        self.found = RenderStatus(execution=run, spec=spec, done=frozenset())

    async def status(self, _: str) -> RenderStatus:
        return self.found

    async def records(self, _: str, spec: JobSpec, ids: Collection[int]) -> list[ChunkRecord]:
        self.asked += sorted(ids)
        return [self._record(spec, id_) for id_ in ids]

    def finish(self, *ids: int, run: str = "run-1", key: str = "aa") -> None:
        """Have chunks done, with traces beside them."""
        self.key = key
        execution = replace(self.found.execution, name=run)
        self.found = replace(self.found, execution=execution, done=frozenset(ids))
        for id_ in ids:
            span = FrameSpan(start=0, frames=1, raster=float(int(key, 16)))
            path = self.folder / trace_of(f"{id_}-{key}.mp4")
            path.write_bytes(ChunkTrace(spans=[span]).to_bytes())

    def _record(self, spec: JobSpec, id_: int) -> ChunkRecord:
        chunk = spec.chunk(id_)
        return ChunkRecord(
            artifact=Artifact(url=(self.folder / f"{id_}-{self.key}.mp4").as_uri()),
            started_at=STARTED + timedelta(seconds=id_),
            duration_ms=2000,
            chunk_id=id_,
            key=self.key,
            start_frame=chunk.start_frame,
            frame_count=chunk.frame_count,
            frames=chunk.frame_count,
        )


async def test_the_record_of_a_chunk_is_read_once_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = Renders(tmp_path, make_spec())

    @contextlib.asynccontextmanager
    async def opened(_: object) -> AsyncIterator[Renders]:
        yield renders

    monkeypatch.setattr(detached_job, "detached_renders", opened)
    job = DetachedJob("film", aws_stack(artifacts=tmp_path.as_uri()))

    async def rasters() -> list[float]:
        report = await job.report(detail="traces")
        return [span.raster for chunk in report.chunks for span in chunk.spans]

    renders.finish(0)
    assert await rasters() == [0xAA]
    renders.finish(0, 1)
    assert await rasters() == [0xAA, 0xAA]
    assert renders.asked == [0, 1]
    # Another run has rendered them again.
    renders.finish(0, 1, run="run-2", key="bb")
    assert await rasters() == [0xBB, 0xBB]
    assert renders.asked == [0, 1, 0, 1]
