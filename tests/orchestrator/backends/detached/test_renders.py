"""Detached renders, whatever engine runs them: here one that only remembers what it was told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helios.contract.artifact import Artifact
from helios.contract.error_record import ErrorRecord
from helios.contract.job_spec import JobSpec
from helios.contract.messages.page_message import PageMessage
from helios.errors import (
    ArtifactCorrupt,
    JobExists,
    JobNotFound,
    JobStateConflict,
    OptionInvalid,
)
from helios.media.image_archive import pack_images
from helios.records.chunk_index import INDEX, add_to_index
from helios.records.chunk_record import ChunkRecord, MergeRecord, chunk_key
from helios.records.job_layout import HEALED_SPEC, chunk_output, chunk_record, merge_record
from helios.records.job_outcome import FailedChunk, JobOutcome
from helios.storage import ArtifactStorage
from orchestrator.backends.detached.base import DetachedBackend, Execution
from orchestrator.backends.detached.renders import DetachedRenders
from orchestrator.backends.detached.status import MAX_PROBLEM_CHUNKS
from orchestrator.clouds.log_query import LogQuery, LogRecord
from orchestrator.delivery.destination import Destination
from orchestrator.delivery.packaging import PackagedJob, package_job
from orchestrator.delivery.stores import Stores
from orchestrator.model.job_state import JobState
from orchestrator.model.settings import WebhookSettings

STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Notebook(DetachedBackend):
    """An engine that writes down what it should run."""

    def __init__(self, artifacts: str) -> None:
        super().__init__(name="notebook", artifacts=artifacts, concurrency=7)
        self.known: dict[str, Execution] = {}
        self.concurrency_of: dict[str, int | None] = {}
        self.resumed: dict[str, list[int]] = {}

    async def start(
        self,
        spec: JobSpec,
        *,
        concurrency: int | None = None,
        webhook: WebhookSettings | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        job_id = str(spec.id)
        self.concurrency_of.setdefault(job_id, concurrency)
        new = Execution(
            job_id=job_id, name=f"run:{job_id}", state=JobState.RUNNING, started_at=STARTED
        )
        return self.known.setdefault(job_id, new)

    async def resume(
        self,
        spec: JobSpec,
        chunks: Sequence[int],
        *,
        concurrency: int | None = None,
        stop_at: datetime | None = None,
    ) -> Execution:
        job_id = str(spec.id)
        self.resumed[job_id] = list(chunks)
        self.known[job_id] = replace(self.known[job_id], state=JobState.RUNNING, ended_at=None)
        return self.known[job_id]

    async def find(self, job_id: str) -> Execution:
        if job_id not in self.known:
            raise JobNotFound(job_id)
        return self.known[job_id]

    async def cancel(self, job_id: str, *, reason: str) -> None:
        self.end(job_id, JobState.CANCELLED)

    async def recent(self, *, limit: int) -> Sequence[Execution]:
        return list(self.known.values())[::-1][:limit]

    async def log(self, query: LogQuery) -> Sequence[LogRecord]:
        return ()

    async def close(self) -> None:
        pass

    def end(self, job_id: str, state: JobState, **facts: Any) -> None:
        ended = STARTED + timedelta(seconds=9)
        self.known[job_id] = replace(self.known[job_id], state=state, ended_at=ended, **facts)


class Desk:
    """Renders over a notebook, and the hands of workers in their storage."""

    def __init__(self, folder: Path, stores: Stores) -> None:
        self.backend = Notebook((folder / "artifacts").as_uri())
        self.renders = DetachedRenders(self.backend, stores)
        self._stores = stores

    def job(self, folder: Path, *, name: str = "film", chunks: int = 3) -> PackagedJob:
        outputs = [f"{index}.mp4" for index in range(chunks)]
        spec = {
            "id": name,
            "metadata": {
                "totalFrames": chunks * 4,
                "fps": 4,
                "width": 2,
                "height": 2,
                "duration": chunks,
            },
            "chunks": [
                {
                    "id": index,
                    "startFrame": index * 4,
                    "frameCount": 4,
                    "outputFile": output,
                    "command": f"helios render {folder} -o {output}",
                }
                for index, output in enumerate(outputs)
            ],
            "mergeCommand": f"helios merge video.mp4 {' '.join(outputs)}",
        }
        return package_job(JobSpec.model_validate(spec), folder.parent)

    def folder(self, render: str = "film") -> ArtifactStorage:
        return self._stores.at(f"{self.backend.artifacts}/jobs/{render}")

    async def spec(self, render: str = "film") -> JobSpec:
        return JobSpec.parse(await self.folder(render).get_bytes("job.json"))

    async def finish_chunk(
        self, id_: int, *, attempt: int = 1, problems: list[PageMessage] | None = None
    ) -> None:
        """Leave what a worker leaves of a chunk: its output, and a record after it."""
        spec = await self.spec()
        chunk = spec.chunk(id_)
        key = chunk_key(spec, chunk)
        artifact = await self.folder().put_bytes(chunk_output(chunk, key), b"frames")
        record = ChunkRecord(
            page_problems=problems or [],
            artifact=artifact,
            attempt=attempt,
            started_at=STARTED + timedelta(seconds=id_),
            duration_ms=2000,
            chunk_id=id_,
            key=key,
            start_frame=chunk.start_frame,
            frame_count=chunk.frame_count,
            frames=chunk.frame_count,
        )
        await self.folder().put_bytes(chunk_record(chunk, key), record.to_bytes())
        await add_to_index(self.folder(), record)

    async def finish_later(self, video: Artifact) -> None:
        """End a render whose engine has ended already."""
        await asyncio.sleep(0.05)
        await self.finish(video)

    async def finish(self, video: Artifact, render: str = "film") -> None:
        """End a render well, as engine and workers do."""
        self.backend.end(render, JobState.COMPLETED)
        outcome = JobOutcome(
            job_id=render,
            status="completed",
            execution=f"run:{render}",
            started_at=STARTED,
            ended_at=STARTED + timedelta(seconds=9),
            output=video,
        )
        await self.folder(render).put_bytes("status.json", outcome.to_bytes())


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    async with Stores() as stores:
        yield Desk(folder, stores)


async def test_a_job_is_stored_and_started_with_what_its_commands_read(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        submitted = await at.renders.submit(at.job(page), concurrency=5)

        assert (submitted.execution.job_id, submitted.is_new) == ("film", True)
        spec = await at.spec()
        assert spec.chunks[0].command == "helios render composition -o 0.mp4"
        assert spec.assets_url is not None
        assert submitted.stored.job_path == f"{at.backend.artifacts}/jobs/film/job.json"
        assert at.backend.concurrency_of == {"film": 5}


async def test_the_same_job_twice_is_one_render_and_another_one_is_refused(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        both = await asyncio.gather(*(at.renders.submit(at.job(page)) for _ in range(2)))
        assert sorted(submitted.is_new for submitted in both) == [False, True]
        assert len(at.backend.known) == 1

        (page / "index.html").write_text("something else", "utf-8")
        with pytest.raises(JobExists, match="render 'film': another one has this id"):
            await at.renders.submit(at.job(page))
        with pytest.raises(JobExists):
            await at.renders.submit(at.job(page, chunks=2))


async def test_a_job_that_was_stored_and_never_started_is_started_by_the_next_try(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        at.backend.known.clear()
        with pytest.raises(JobNotFound, match="was stored, but never started"):
            await at.renders.status("film")

        again = await at.renders.submit(at.job(page))

        assert again.execution.state is JobState.RUNNING
        assert (await at.renders.status("film")).state is JobState.RUNNING


@pytest.mark.parametrize("name", ["", "-x", "a/b", "..", "a b", "x" * 64, "ü"])
async def test_ids_that_no_engine_takes_are_refused(tmp_path: Path, page: Path, name: str) -> None:
    async with desk(tmp_path) as at:
        job = at.job(page)
        job = replace(job, spec=job.spec.model_copy(update={"id": name}))
        with pytest.raises(OptionInvalid, match="can't be an id"):
            await at.renders.submit(job)
        with pytest.raises(OptionInvalid):
            await at.renders.status(name)


async def test_progress_is_counted_from_records_alone(tmp_path: Path, page: Path) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        await at.finish_chunk(2)
        await at.folder().put_bytes("chunks/1-0123456789abcdef.json", b"of another version")
        chunk = (await at.spec()).chunk(0)
        key = chunk_key(await at.spec(), chunk)
        await at.folder().put_bytes(chunk_output(chunk, key), b"without a record")

    async with desk(tmp_path) as later:
        await later.backend.start(await later.spec())
        status = await later.renders.status("film")
        assert status.done == {2}
        assert (status.frames_done, status.frames_total, status.chunks_total) == (4, 12, 3)


async def test_watching_goes_to_the_end_and_waits_for_the_outcome(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        seen = []
        async for status in at.renders.watch("film", interval=0.01):
            seen.append((status.state, len(status.done)))
            if len(seen) == 1:
                await at.finish_chunk(0)
            elif len(seen) == 2:
                for id_ in (1, 2):
                    await at.finish_chunk(id_)
                video = await at.folder().put_bytes("output/video.mp4", b"video")
                # The engine knows first.
                at.backend.end("film", JobState.COMPLETED)
                recording = asyncio.create_task(at.finish_later(video))

        await recording
        assert seen == [
            (JobState.RUNNING, 0),
            (JobState.RUNNING, 1),
            (JobState.COMPLETED, 3),
        ]
        assert status.output is not None
        assert status.output.url.endswith("/jobs/film/output/video.mp4")


async def test_an_outcome_of_an_earlier_execution_says_nothing_of_this_one(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        old = JobOutcome(
            job_id="film",
            status="failed",
            execution="run:before",
            started_at=STARTED,
            ended_at=STARTED,
            error=ErrorRecord(code="X", message="old"),
        )
        await at.folder().put_bytes("status.json", old.to_bytes())

        status = await at.renders.status("film")

        assert (status.state, status.error) == (JobState.RUNNING, None)


async def test_a_render_that_its_engine_has_forgotten_is_told_by_its_outcome(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        failed = FailedChunk(chunk_id=1, error=ErrorRecord(code="TIMEOUT", message="late"))
        outcome = JobOutcome(
            job_id="film",
            status="failed",
            execution="run:film",
            started_at=STARTED,
            ended_at=STARTED + timedelta(hours=1),
            error=failed.error,
            failed_chunks=[failed],
        )
        await at.folder().put_bytes("status.json", outcome.to_bytes())
        at.backend.known.clear()

        status = await at.renders.status("film")

        assert status.state is JobState.FAILED
        assert [chunk.chunk_id for chunk in status.failed_chunks] == [1]
        assert status.ended_at == STARTED + timedelta(hours=1)


async def test_an_unknown_render_is_not_found(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        with pytest.raises(JobNotFound, match="render 'other': there is none in the notebook"):
            await at.renders.status("other")


async def test_a_video_is_fetched_whole_and_only_once_there_is_one(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        target = tmp_path / "out" / "film.mp4"
        with pytest.raises(JobStateConflict, match="it is running, with 0 of 3 chunks") as told:
            await at.renders.fetch("film", Destination(path=target))
        assert told.value.hint == "Wait for it: orchestrator watch film"
        video = await at.folder().put_bytes("output/video.mp4", b"video")
        await at.finish(video)

        await at.renders.fetch("film", Destination(path=target))
        copy = f"{at.backend.artifacts}/copies/film.mp4"
        await at.renders.fetch("film", Destination(url=copy))

        assert target.read_bytes() == b"video"
        assert (tmp_path / "artifacts/copies/film.mp4").read_bytes() == b"video"
        await at.finish(video.model_copy(update={"sha256": "0" * 64}))
        with pytest.raises(ArtifactCorrupt):
            await at.renders.fetch("film", Destination(path=target))
        assert target.read_bytes() == b"video"


async def test_images_are_fetched_into_a_folder(tmp_path: Path, page: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("0001.png", "0002.png"):
        (images / name).write_text(name, "utf-8")
    pack_images(images, tmp_path / "images.tar")
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        stored = await at.folder().put_file("output/images.tar", tmp_path / "images.tar")
        await at.finish(stored)

        await at.renders.fetch("film", Destination(path=tmp_path / "frames"))

        assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
            "0001.png",
            "0002.png",
        ]


async def test_what_was_used_is_added_up_from_chunks_and_merges(tmp_path: Path, page: Path) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        await at.finish_chunk(0)
        await at.finish_chunk(1, attempt=2)
        merge = MergeRecord(
            artifact=Artifact(url="x", bytes=9),
            started_at=STARTED,
            duration_ms=500,
            key="k",
            name="output/video.mp4",
            chunks=2,
            frames=8,
        )
        await at.folder().put_bytes(merge_record("k"), merge.to_bytes())

        usage = await at.renders.usage(await at.renders.status("film"))

        assert (usage.chunks, usage.invocations) == (2, 3)
        assert (usage.chunk_seconds, usage.merge_seconds) == (6, 0.5)
        assert (usage.chunk_bytes, usage.output_bytes) == (12, 9)


async def test_a_cancelled_render_is_told_as_such(tmp_path: Path, page: Path) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))

        status = await at.renders.cancel("film", reason="enough")

        assert status.state is JobState.CANCELLED
        assert [each.job_id for each in await at.renders.recent(limit=5)] == ["film"]


async def test_a_status_has_what_pages_logged_in_the_first_chunks_where_they_did(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        chunks = MAX_PROBLEM_CHUNKS + 3
        await at.renders.submit(at.job(page, chunks=chunks))
        warning = PageMessage(frame=1, level="warning", text="deprecated", count=4)
        for chunk in reversed(range(1, chunks)):
            await at.finish_chunk(chunk, problems=[warning])
        await at.finish_chunk(0)

        status = await at.renders.status("film")

        told = [(each.chunk_id, list(each.messages)) for each in status.page_problems]
        assert told == [(chunk, [warning]) for chunk in range(1, MAX_PROBLEM_CHUNKS + 1)]
        assert status.problem_chunks == chunks - 1
        assert len(status.done) == chunks


async def test_a_failed_render_is_resumed_with_the_missing_chunks(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        await at.finish_chunk(1)
        with pytest.raises(JobStateConflict, match="runs already"):
            await at.renders.resume("film")
        at.backend.end("film", JobState.FAILED)

        status = await at.renders.resume("film")

        assert status.state is JobState.RUNNING
        assert at.backend.resumed == {"film": [0, 2]}
        at.backend.end("film", JobState.CANCELLED)
        await at.renders.resume("film", fresh=True)
        assert at.backend.resumed == {"film": [0, 1, 2]}
        at.backend.end("film", JobState.COMPLETED)
        with pytest.raises(JobStateConflict, match="is completed"):
            await at.renders.resume("film")


async def test_a_render_from_the_start_leaves_nothing_of_earlier_chunks(
    tmp_path: Path, page: Path
) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        await at.finish_chunk(1)
        await at.folder().put_bytes(HEALED_SPEC, b"{}")
        at.backend.end("film", JobState.FAILED)

        await at.renders.resume("film", fresh=True)

        left = [each.key for each in await at.folder().list()]
        assert [key for key in left if key.startswith(("chunks/", INDEX, HEALED_SPEC))] == []


async def test_a_chunk_whose_record_is_gone_is_rendered_again(tmp_path: Path, page: Path) -> None:
    async with desk(tmp_path) as at:
        await at.renders.submit(at.job(page))
        for chunk in range(3):
            await at.finish_chunk(chunk)
        spec = await at.spec()
        damaged = spec.chunk(2)
        # As a merge does that finds the chunk damaged.
        await at.folder().delete(chunk_record(damaged, chunk_key(spec, damaged)))
        at.backend.end("film", JobState.FAILED)

        await at.renders.resume("film")

        assert at.backend.resumed == {"film": [2]}
