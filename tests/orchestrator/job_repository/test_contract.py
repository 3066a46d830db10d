"""What all job repositories promise, wherever they keep jobs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from helios.errors import JobBusy, JobChanged, JobExists, JobNotFound, OptionInvalid
from helios.storage.local import LocalStorage
from orchestrator.job_repository import (
    ControlRequest,
    FileJobRepository,
    JobRepository,
    MemoryJobRepository,
    StorageJobRepository,
)
from orchestrator.model.job_chunk import ChunkState
from orchestrator.model.job_state import JobState

from .jobs import START, a_chunk, a_job

Open = Callable[[], JobRepository]


@pytest.fixture(params=["memory", "file", "storage"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return what opens the same jobs again, as another process would where it could."""
    memory = MemoryJobRepository()
    return {
        "memory": lambda: memory,
        "file": lambda: FileJobRepository(tmp_path / "jobs"),
        "storage": lambda: StorageJobRepository(
            LocalStorage(tmp_path / "bucket"), index=tmp_path / "index"
        ),
    }[request.param]


@pytest.fixture
def kept(reopen: Open) -> JobRepository:
    return reopen()


async def test_a_job_comes_back_as_it_was_kept(kept: JobRepository, reopen: Open) -> None:
    job = a_job(surprise="kept").model_copy(update={"chunks": {1: a_chunk(1)}})
    await kept.create(job)
    assert await reopen().get("job") == job
    assert await reopen().summary("job") == job.summary()


async def test_nothing_is_listed_where_nothing_was_kept(kept: JobRepository) -> None:
    listing = await kept.list()
    assert (list(listing.jobs), list(listing.faults)) == ([], [])


async def test_two_jobs_cannot_have_one_id(kept: JobRepository) -> None:
    await kept.create(a_job())
    with pytest.raises(JobExists, match="'job'"):
        await kept.create(a_job(chunks=5))
    assert (await kept.get("job")).chunks_total == 3


async def test_of_many_that_create_one_id_at_once_one_gets_it(
    kept: JobRepository, reopen: Open
) -> None:
    async def create(chunks: int) -> bool:
        try:
            await reopen().create(a_job(chunks=chunks))
        except JobExists:
            return False
        return True

    won = await asyncio.gather(*map(create, range(1, 9)))
    assert sum(won) == 1
    job = await kept.get("job")
    assert len(job.spec.chunks) == job.chunks_total == won.index(True) + 1


@pytest.mark.parametrize("method", ["get", "summary", "holder", "claim", "ask"])
async def test_a_job_that_is_not_kept_is_told_by_its_id(kept: JobRepository, method: str) -> None:
    await kept.create(a_job("other"))
    with pytest.raises(JobNotFound, match="'missing'"):
        if method == "claim":
            async with kept.claim("missing"):
                pass
        elif method == "ask":
            await kept.ask("missing", ControlRequest.PAUSE)
        else:
            await getattr(kept, method)("missing")


@pytest.mark.parametrize(
    "job_id",
    ["", ".", "..", "../job", "a/b", "a\\b", "/etc", "C:x", "a\0", ".index", "-x", "x" * 201],
)
async def test_an_id_that_could_leave_the_folder_is_refused(
    kept: JobRepository, job_id: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    for method in (kept.get, kept.summary, kept.holder):
        with pytest.raises(OptionInvalid, match="job id"):
            await method(job_id)
    with pytest.raises(OptionInvalid, match="job id"):
        await kept.create(a_job().model_copy(update={"id": job_id}))
    with pytest.raises(OptionInvalid, match="job id"):
        async with kept.claim(job_id):
            pass
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("job_id", ["Ünïcode ☃", "with space", "a.b", "20260102-030405-abcdef"])
async def test_an_id_may_be_any_name_of_a_folder(kept: JobRepository, job_id: str) -> None:
    await kept.create(a_job(job_id))
    assert (await kept.get(job_id)).id == job_id
    assert [job.id for job in (await kept.list()).jobs] == [job_id]


async def test_what_is_saved_is_there_for_others_with_a_higher_revision(
    kept: JobRepository, reopen: Open
) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        job = await claim.load()
        saved = await claim.save(job.moved(JobState.RUNNING, at=START))
        assert saved.revision == job.revision + 1
        assert await reopen().summary("job") == saved
        again = await claim.save(saved.moved(JobState.COMPLETED, at=START))
    assert await reopen().summary("job") == again
    assert again.state is JobState.COMPLETED


async def test_a_write_that_builds_on_an_older_revision_is_refused(kept: JobRepository) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        job = await claim.load()
        saved = await claim.save(job.moved(JobState.RUNNING, at=START))
        for outdated in (job, saved.model_copy(update={"revision": 7})):
            with pytest.raises(JobChanged):
                await claim.save(outdated)
        assert await kept.summary("job") == saved


async def test_what_became_of_chunks_adds_up(kept: JobRepository, reopen: Open) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        await claim.record([a_chunk(0, ChunkState.RUNNING), a_chunk(1)])
        await claim.record([])
        await claim.record([a_chunk(0, ChunkState.FAILED, attempts=2)])
    async with reopen().claim("job") as claim:
        await claim.record([a_chunk(2)])
        seen = await claim.load()
    chunks = (await reopen().get("job")).chunks
    assert chunks == seen.chunks
    assert chunks == {0: a_chunk(0, ChunkState.FAILED, attempts=2), 1: a_chunk(1), 2: a_chunk(2)}
    assert claim.damaged_lines == 0


async def test_many_small_records_are_put_together_when_the_claim_ends(
    kept: JobRepository, reopen: Open, tmp_path: Path
) -> None:
    await kept.create(a_job(chunks=100))
    async with kept.claim("job") as claim:
        for turn in range(20):
            state = ChunkState.RUNNING if turn < 19 else ChunkState.DONE
            await claim.record([a_chunk(index, state) for index in range(100)])
        size_before = _size(tmp_path)
    assert (await reopen().get("job")).chunks == {index: a_chunk(index) for index in range(100)}
    if size_before:
        assert _size(tmp_path) < size_before / 5


async def test_one_claims_a_job_at_a_time(kept: JobRepository, reopen: Open) -> None:
    await kept.create(a_job())
    assert await reopen().holder("job") is None
    async with kept.claim("job"):
        assert "process" in (await reopen().holder("job") or "")
        with pytest.raises(JobBusy, match=r"'job'.* holds it"):
            async with reopen().claim("job"):
                pass
        assert await reopen().holder("job")
    assert await reopen().holder("job") is None
    async with reopen().claim("job"):
        pass


async def test_of_many_that_claim_at_once_one_gets_through(
    kept: JobRepository, reopen: Open
) -> None:
    await kept.create(a_job())
    inside: list[int] = []
    all_tried, tried = asyncio.Event(), 0

    def note_try() -> None:
        nonlocal tried
        tried += 1
        if tried == 8:
            all_tried.set()

    async def claim(number: int) -> None:
        try:
            async with reopen().claim("job"):
                inside.append(number)
                note_try()
                await all_tried.wait()
        except JobBusy:
            note_try()

    await asyncio.gather(*map(claim, range(8)))
    assert len(inside) == 1


async def test_a_claim_ends_when_its_context_fails(kept: JobRepository, reopen: Open) -> None:
    await kept.create(a_job())
    with pytest.raises(ZeroDivisionError):
        async with kept.claim("job"):
            raise ZeroDivisionError
    async with reopen().claim("job"):
        pass


async def test_a_request_reaches_the_process_that_has_claimed_the_job(
    kept: JobRepository, reopen: Open
) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        assert await claim.request() is None
        await reopen().ask("job", ControlRequest.PAUSE)
        assert await claim.request() is ControlRequest.PAUSE
        await reopen().ask("job", ControlRequest.CANCEL)
        assert await claim.request() is ControlRequest.CANCEL


async def test_a_request_from_before_a_claim_is_removed(kept: JobRepository, reopen: Open) -> None:
    await kept.create(a_job())
    await reopen().ask("job", ControlRequest.CANCEL)
    async with kept.claim("job") as claim:
        assert await claim.request() is None


async def test_a_deleted_job_is_gone_and_its_id_free(kept: JobRepository, reopen: Open) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        await claim.record([a_chunk(0)])
        await claim.delete()
    with pytest.raises(JobNotFound):
        await reopen().get("job")
    assert not (await reopen().list()).jobs
    await kept.create(a_job())
    assert (await kept.get("job")).chunks == {}


async def test_jobs_are_listed_newest_first_by_state_and_up_to_a_limit(
    kept: JobRepository, reopen: Open
) -> None:
    for minute, job_id in enumerate(["b", "a", "d", "c"]):
        await kept.create(a_job(job_id, minutes=minute))
    for job_id in ("a", "c"):
        async with kept.claim(job_id) as claim:
            job = await claim.load()
            await claim.save(job.moved(JobState.CANCELLED, at=START))

    async def ids(**options: object) -> list[str]:
        listing = await reopen().list(**options)  # type: ignore[arg-type]
        assert not listing.faults
        return [job.id for job in listing.jobs]

    assert await ids() == ["c", "d", "a", "b"]
    assert await ids(limit=2) == ["c", "d"]
    assert await ids(states={JobState.CANCELLED}) == ["c", "a"]
    assert await ids(states={JobState.PENDING, JobState.CANCELLED}, limit=3) == ["c", "d", "a"]
    assert await ids(states={JobState.FAILED}) == []


async def test_a_list_shows_what_changed_since_the_last(kept: JobRepository, reopen: Open) -> None:
    for number in range(60):
        await kept.create(a_job(f"job{number:02}", minutes=number))
    assert len((await kept.list()).jobs) == 60
    async with kept.claim("job30") as claim:
        await claim.save((await claim.load()).moved(JobState.FAILED, at=START))
    async with kept.claim("job31") as claim:
        await claim.delete()
    for repository in (kept, reopen()):
        jobs = {job.id: job.state for job in (await repository.list()).jobs}
        assert len(jobs) == 59
        assert jobs["job30"] is JobState.FAILED
        assert "job31" not in jobs


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
