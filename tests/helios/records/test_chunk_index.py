"""The index of chunks that are done."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helios.contract.artifact import Artifact
from helios.contract.job_spec import JobSpec
from helios.contract.messages.page_message import PageMessage
from helios.records import chunk_index
from helios.records.chunk_index import JobIndex, add_to_index, page_problems
from helios.records.chunk_record import ChunkRecord, chunk_key
from helios.storage import ArtifactStorage, StoredObject
from helios.storage.local import LocalStorage
from tests.helios.worker_setup import make_spec

SPEC = make_spec(chunks=4)


def record(chunk_id: int, *, spec: JobSpec = SPEC, problems: Sequence[str] = ()) -> ChunkRecord:
    chunk = spec.chunk(chunk_id)
    return ChunkRecord(
        artifact=Artifact(url="file:///chunk"),
        started_at=datetime.now(UTC),
        chunk_id=chunk_id,
        key=chunk_key(spec, chunk),
        start_frame=chunk.start_frame,
        frame_count=chunk.frame_count,
        frames=chunk.frame_count,
        page_problems=[PageMessage(level="error", text=text) for text in problems],
    )


class Listed(LocalStorage):
    """A folder that remembers how many keys its listings gave."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.given: list[int] = []

    async def list(self, prefix: str = "", *, after: str = "") -> Sequence[StoredObject]:
        found = await super().list(prefix, after=after)
        self.given.append(len(found))
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The workers' clock in milliseconds."""
    now = [1_700_000_000_000]
    monkeypatch.setattr(chunk_index, "_now", lambda: now[0])
    return now


def test_each_look_finds_what_has_come_since_and_lists_little_else(
    tmp_path: Path, clock: list[int]
) -> None:
    async def look() -> None:
        storage = Listed(tmp_path)
        index = JobIndex(storage, SPEC)
        await add_to_index(storage, record(2))
        assert [entry.chunk_id for entry in await index.update()] == [2]
        clock[0] += 10 * JobIndex.SLACK * 1000
        await add_to_index(storage, record(0))
        await add_to_index(storage, record(2))
        assert [entry.chunk_id for entry in await index.update()] == [0]
        clock[0] += 10 * JobIndex.SLACK * 1000
        await add_to_index(storage, record(1))
        assert [entry.chunk_id for entry in await index.update()] == [1]
        assert index.done == {0, 1, 2}
        # The second look begins before the last entry that the first one saw, by the slack.
        assert storage.given == [1, 3, 3]
        assert await index.update(whole=True) == []

    asyncio.run(look())


def test_an_entry_that_comes_late_is_found(tmp_path: Path, clock: list[int]) -> None:
    async def look() -> None:
        storage = LocalStorage(tmp_path)
        index = JobIndex(storage, SPEC)
        await add_to_index(storage, record(0))
        await index.update()
        clock[0] -= JobIndex.SLACK * 500
        await add_to_index(storage, record(1))
        assert [entry.chunk_id for entry in await index.update()] == [1]

    asyncio.run(look())


def test_chunks_of_another_command_do_not_count(tmp_path: Path) -> None:
    other = make_spec(["ffmpeg other chunks/00000.mp4", "ffmpeg other chunks/00001.mp4"])

    async def look() -> frozenset[int]:
        storage = LocalStorage(tmp_path)
        await add_to_index(storage, record(0, spec=other))
        await storage.put_bytes("done/notes.txt", b"")
        index = JobIndex(storage, SPEC)
        await index.update()
        return index.done

    assert asyncio.run(look()) == frozenset()


def test_an_entry_has_what_the_page_logged(tmp_path: Path) -> None:
    async def look(storage: ArtifactStorage) -> list[list[PageMessage]]:
        await add_to_index(storage, record(0, problems=["oh", "no"]))
        await add_to_index(storage, record(1))
        index = JobIndex(storage, SPEC)
        await index.update()
        assert [index.entries[chunk].has_problems for chunk in (0, 1)] == [True, False]
        return [await page_problems(storage, index.entries[chunk]) for chunk in (0, 1)]

    found = asyncio.run(look(LocalStorage(tmp_path)))
    assert [[message.text for message in messages] for messages in found] == [["oh", "no"], []]
