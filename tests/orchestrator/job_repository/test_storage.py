"""What only a shared registry has to cope with: leases that expire, writers that come back."""

import asyncio
import time
from pathlib import Path

import pytest

from helios.errors import JobBusy, JobChanged, JobNotFound, JobRecordInvalid
from helios.storage.local import LocalStorage
from orchestrator.job_repository import StorageJobRepository
from orchestrator.job_repository.lease import Lease, StorageClock
from orchestrator.model.job_state import JobState

from .jobs import START, a_chunk, a_job

#: Seconds; short, so that tests needn't wait, and long beside a few writes to a disk.
TERM = 1.0


@pytest.fixture
def bucket(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "bucket")


def a_lease(bucket: LocalStorage, holder: str, *, term: float = TERM) -> Lease:
    return Lease(bucket, "lease/", clock=StorageClock(bucket, "clock/"), holder=holder, term=term)


def die(lease: Lease) -> None:
    """End a lease's signs of life, as when its process is killed."""
    assert lease._beating is not None
    lease._beating.cancel()


async def test_a_lease_lasts_as_long_as_its_holder_lives(bucket: LocalStorage) -> None:
    first, second = a_lease(bucket, "first"), a_lease(bucket, "second")
    await first.take()
    await asyncio.sleep(1.5 * TERM)
    with pytest.raises(JobBusy, match="first holds it"):
        await second.take()
    await first.release()
    await second.take()
    assert (await first.holding()) is not None
    await second.release()
    assert await first.holding() is None


async def test_a_lease_whose_holder_died_is_taken_over_after_its_term(
    bucket: LocalStorage,
) -> None:
    dead, heir = a_lease(bucket, "dead"), a_lease(bucket, "heir")
    await dead.take()
    die(dead)
    with pytest.raises(JobBusy):
        await heir.take()
    await asyncio.sleep(1.2 * TERM)
    await heir.take()
    assert heir.number == dead.number + 1
    await heir.release()


async def test_a_holder_that_slept_through_its_term_learns_that_it_lost_the_lease(
    bucket: LocalStorage,
) -> None:
    sleeper, heir = a_lease(bucket, "sleeper", term=4 * TERM), a_lease(bucket, "heir", term=0.1)
    await sleeper.take()
    await asyncio.sleep(0.2)
    await heir.take()
    await asyncio.sleep(1.5 * TERM)
    assert sleeper.lost
    await sleeper.release()
    assert (await heir.holding()) is not None
    await heir.release()


async def test_of_many_that_find_a_lease_free_one_gets_it(bucket: LocalStorage) -> None:
    leases = [a_lease(bucket, f"holder {n}") for n in range(10)]
    results = await asyncio.gather(*(lease.take() for lease in leases), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert all(result is None or isinstance(result, JobBusy) for result in results)
    for lease in leases:
        await lease.release()


async def test_the_machines_clock_may_jump(
    bucket: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = a_lease(bucket, "first"), a_lease(bucket, "second")
    await first.take()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 1e6)
    with pytest.raises(JobBusy):
        await second.take()
    await first.release()


async def test_a_claimant_that_was_taken_for_dead_can_write_nothing_more(
    bucket: LocalStorage,
) -> None:
    slow = StorageJobRepository(bucket, lease_term=TERM)
    quick = StorageJobRepository(bucket, lease_term=TERM)
    await slow.create(a_job())
    async with slow.claim("job") as claim:
        job = await claim.load()
        die(claim._lease)  # type: ignore[attr-defined]
        await asyncio.sleep(1.2 * TERM)
        async with quick.claim("job") as taken:
            saved = await taken.save((await taken.load()).moved(JobState.RUNNING, at=START))
            await taken.record([a_chunk(0)])
            # Before it has noticed, the storage refuses it.
            with pytest.raises(JobChanged):
                await claim.save(job.moved(JobState.CANCELLED, at=START))
            for _ in range(3):
                saved = await taken.save(saved)
            with pytest.raises(JobChanged):
                await claim.save(job.moved(JobState.CANCELLED, at=START))
        assert await quick.summary("job") == saved


async def test_revisions_do_not_pile_up(bucket: LocalStorage) -> None:
    kept = StorageJobRepository(bucket)
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        summary = (await claim.load()).moved(JobState.RUNNING, at=START).summary()
        for _ in range(10):
            summary = await claim.save(summary)
            assert len(await bucket.list("registry/summaries/")) <= 2
    assert [s.key for s in await bucket.list("registry/summaries/")] == [
        "registry/summaries/job/0000000010.json"
    ]


async def test_a_damaged_summary_is_set_aside_and_the_one_before_it_stands(
    bucket: LocalStorage, tmp_path: Path
) -> None:
    kept = StorageJobRepository(bucket, index=tmp_path / "index")
    await kept.create(a_job())
    await bucket.put_bytes("registry/summaries/job/0000000001.json", b"{")
    listing = await kept.list()
    assert [fault.message.split(": ")[1] for fault in listing.faults] == ["damaged"]
    assert await bucket.stat("registry/damaged/job/0000000001.json")
    assert (await kept.summary("job")).revision == 0


async def test_a_job_whose_spec_is_gone_is_damaged(bucket: LocalStorage) -> None:
    kept = StorageJobRepository(bucket)
    await kept.create(a_job())
    await bucket.delete_prefix("registry/records/")
    with pytest.raises(JobRecordInvalid, match="'job'"):
        await kept.get("job")


async def test_nothing_of_a_deleted_job_stays(bucket: LocalStorage) -> None:
    kept = StorageJobRepository(bucket)
    await kept.create(a_job())
    async with kept.claim("job") as claim:
        await claim.record([a_chunk(0)])
        await claim.save((await claim.load()).moved(JobState.RUNNING, at=START))
        await claim.delete()
        with pytest.raises(JobChanged):
            await claim.record([a_chunk(1)])
    assert list(await bucket.list()) == []
    with pytest.raises(JobNotFound):
        await kept.summary("job")
