"""What only a folder of jobs has to cope with: damage, power cuts, full disks, killed processes."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from helios.errors import (
    DiskFull,
    HeliosError,
    JobNotFound,
    JobRecordInvalid,
    JobRecordNewer,
    OutputUnwritable,
)
from orchestrator.job_repository import FileJobRepository
from orchestrator.job_repository.file import SET_ASIDE
from orchestrator.model.job_chunk import ChunkState
from orchestrator.model.job_state import JobState

from .jobs import START, a_chunk, a_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "jobs"


@pytest.fixture
def kept(folder: Path) -> FileJobRepository:
    return FileJobRepository(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("file", ["job.json", "spec.json"])
@pytest.mark.parametrize(
    "damage", [b"", b"{", b"\0" * 300, None], ids=["empty", "cut", "0", "gone"]
)
async def test_a_damaged_record_is_set_aside_and_told(
    kept: FileJobRepository, folder: Path, file: str, damage: bytes | None
) -> None:
    for job_id in ("good", "bad"):
        await kept.create(a_job(job_id))
    if damage is None:
        (folder / "bad" / file).unlink()
    else:
        (folder / "bad" / file).write_bytes(damage)
    with pytest.raises(JobRecordInvalid, match="bad") as caught:
        await kept.get("bad")
    (aside,) = (folder / SET_ASIDE).iterdir()
    assert str(aside) in caught.value.hint
    assert (aside / "chunks.jsonl").exists()
    with pytest.raises(JobNotFound):
        await kept.get("bad")
    assert [job.id for job in (await kept.list()).jobs] == ["good"]
    await kept.create(a_job("bad"))


async def test_a_list_reports_damaged_records_once_and_shows_the_others(
    kept: FileJobRepository, folder: Path
) -> None:
    for job_id in ("good", "bad"):
        await kept.create(a_job(job_id))
    (folder / "bad/job.json").write_bytes(b"?")
    first, second = await kept.list(), await kept.list()
    assert [job.id for job in first.jobs] == [job.id for job in second.jobs] == ["good"]
    assert ["bad" in fault.message for fault in first.faults] == [True]
    assert not second.faults


async def test_a_record_that_another_job_was_copied_over_is_damaged(
    kept: FileJobRepository, folder: Path
) -> None:
    for job_id in ("one", "two"):
        await kept.create(a_job(job_id))
    shutil.copy(folder / "one/job.json", folder / "two/job.json")
    with pytest.raises(JobRecordInvalid, match="is that of job 'one'"):
        await kept.get("two")


async def test_a_damaged_record_of_a_claimed_job_is_not_set_aside(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job())
    async with kept.claim("job"):
        (folder / "job/job.json").write_bytes(b"?")
        with pytest.raises(JobRecordInvalid):
            await FileJobRepository(folder).get("job")
        assert (folder / "job").is_dir()


async def test_what_a_newer_version_wrote_is_left_alone(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job())
    path = folder / "job/job.json"
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2'))
    with pytest.raises(JobRecordNewer):
        await kept.get("job")
    assert isinstance((await kept.list()).faults[0], JobRecordNewer)
    assert path.exists()


async def test_half_a_line_that_a_killed_process_left_costs_only_itself(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        await claim.record([a_chunk(0), a_chunk(1)])
    log = folder / "job/chunks.jsonl"
    log.write_bytes(log.read_bytes()[:-30])
    async with kept.claim("job") as claim:
        assert (await claim.load()).chunks == {0: a_chunk(0)}
        assert claim.damaged_lines == 1
        await claim.record([a_chunk(2)])
        assert (await claim.load()).chunks == {0: a_chunk(0), 2: a_chunk(2)}


async def test_folders_that_are_no_jobs_are_left_alone(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job())
    (folder / "mine").mkdir()
    (folder / "notes.txt").write_text("hello")
    listing = await kept.list()
    assert ([job.id for job in listing.jobs], list(listing.faults)) == (["job"], [])
    with pytest.raises(JobNotFound):
        await kept.get("mine")
    assert {"mine", "notes.txt"} <= set(names(folder))


async def test_a_damaged_index_is_rebuilt(kept: FileJobRepository, folder: Path) -> None:
    for number in range(60):
        await kept.create(a_job(f"job{number}"))
    await kept.list()
    index = folder / ".index"
    whole = index.read_bytes()
    for damage in (
        b"",
        b"\0" * 100,
        whole[:5000],
        whole.replace(b": 1,", b": 9,", 1),
        b'{"version":1,"entries":[["x"]]}',
    ):
        index.write_bytes(damage)
        assert len((await kept.list()).jobs) == 60
    index.unlink()
    assert len((await kept.list()).jobs) == 60
    assert index.exists()


async def test_other_users_cannot_read_a_job(kept: FileJobRepository, folder: Path) -> None:
    await kept.create(a_job())
    assert (folder / "job").stat().st_mode & 0o077 == 0


async def test_a_summary_is_on_the_disk_before_it_takes_the_place_of_the_last_one(
    kept: FileJobRepository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.create(a_job())
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        steps.append(f"flush {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def noted_replace(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name} to {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    async with kept.claim("job") as claim:
        await claim.save((await claim.load()).moved(JobState.RUNNING, at=START))
        assert steps == ["flush job.json.new", "rename job.json.new to job.json", "flush job"]
        steps.clear()
        await claim.record([a_chunk(0)])
        assert steps == ["flush chunks.jsonl"]


def _full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_full_disk_is_told_and_leaves_the_record_as_it_was(
    kept: FileJobRepository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        await claim.record([a_chunk(0)])
        job = await claim.load()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            with pytest.raises(DiskFull):
                await claim.save(job.moved(JobState.RUNNING, at=START))
            with pytest.raises(DiskFull):
                await claim.record([a_chunk(1)])
            with pytest.raises(DiskFull):
                await FileJobRepository(folder).create(a_job("other"))
        assert await claim.load() == job
        saved = await claim.save(job.moved(JobState.RUNNING, at=START))
        await claim.record([a_chunk(1)])
        assert set((await claim.load()).chunks) == {0, 1}
    assert (await kept.get("job")).revision == saved.revision
    assert [name for name in names(folder) if not name.startswith(".index")] == ["job"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_cannot_be_written_is_told(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o500)
    with pytest.raises(OutputUnwritable):
        await FileJobRepository(folder).create(a_job())


async def test_a_file_in_the_folders_place_is_told(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("")
    with pytest.raises(HeliosError, match=r"jobs.*can't be written"):
        await FileJobRepository(folder).create(a_job())


async def test_what_killed_processes_left_is_swept_away_but_not_what_is_in_use(
    kept: FileJobRepository, folder: Path
) -> None:
    for name in (".new-dead", ".old-dead", ".new-alive"):
        (folder / name / "sub").mkdir(parents=True)
    descriptor = os.open(folder / ".new-alive", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        await kept.create(a_job())
    finally:
        os.close(descriptor)
    assert names(folder) == [".new-alive", "job"]


async def test_a_claim_on_a_job_that_was_deleted_and_made_anew_is_on_the_new_one(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job())
    async with kept.claim("job") as first:
        await first.delete()
        await kept.create(a_job(chunks=5))
        async with FileJobRepository(folder).claim("job") as second:
            assert (await second.load()).chunks_total == 5
    assert (await kept.get("job")).chunks_total == 5


async def test_a_list_reads_only_what_changed_since_the_index_was_written(
    kept: FileJobRepository, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        await kept.create(a_job(f"job{number}"))
    await kept.list()
    async with kept.claim("job7") as claim:
        await claim.save((await claim.load()).moved(JobState.FAILED, at=START))
    opened: list[str] = []
    read_bytes = Path.read_bytes

    def noted(path: Path) -> bytes:
        opened.append(str(path.relative_to(folder)))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    listing = await FileJobRepository(folder).list(states={JobState.FAILED})
    assert [job.id for job in listing.jobs] == ["job7"]
    assert opened == [".index", "job7/job.json"]


async def test_recording_progress_takes_the_same_time_in_large_jobs(
    kept: FileJobRepository, folder: Path
) -> None:
    await kept.create(a_job(chunks=2_000))
    everything = [a_chunk(index) for index in range(2_000)]
    async with kept.claim("job") as claim:
        await claim.record(everything)
        before = _written()
        for index in range(50):
            await claim.record([a_chunk(index, ChunkState.FAILED)])
        assert _written() - before < 50 * 1_000
        before = _written()
        await claim.save((await claim.load()).moved(JobState.RUNNING, at=START))
        assert _written() - before < 4_000


def _written() -> int:
    """Return the bytes that this process wrote so far."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("wchar: "):
            return int(line.removeprefix("wchar: "))
    raise AssertionError("no count of written bytes")
