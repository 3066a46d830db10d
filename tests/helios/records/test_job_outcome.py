"""How a job that ran without a client ended."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from helios.records.job_outcome import OUTCOME, JobOutcome, read_outcome, write_outcome
from helios.storage import ArtifactStorage
from helios.storage.local import LocalStorage

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def outcome(execution: str, *, started_at: datetime = NOON, seconds: int = 60) -> JobOutcome:
    return JobOutcome(
        job_id="film",
        status="failed",
        execution=execution,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=seconds),
    )


def recorded(storage: ArtifactStorage) -> JobOutcome | None:
    return asyncio.run(read_outcome(storage))


def test_an_outcome_is_recorded_once(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    first, again = outcome("one"), outcome("one", seconds=90)
    assert asyncio.run(write_outcome(storage, first)) == first
    assert asyncio.run(write_outcome(storage, again)) == first
    assert recorded(storage) == first


def test_of_many_that_record_at_once_one_does_and_all_learn_of_it(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)

    async def record() -> set[int]:
        several = [outcome("one", seconds=number) for number in range(12)]
        told = await asyncio.gather(*(write_outcome(storage, each) for each in several))
        return {int((each.ended_at - each.started_at).total_seconds()) for each in told}

    (seconds,) = asyncio.run(record())
    assert recorded(storage) == outcome("one", seconds=seconds)


def test_a_later_execution_replaces_what_an_earlier_one_recorded(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    earlier, later = outcome("one"), outcome("two", started_at=NOON + timedelta(hours=1))
    asyncio.run(write_outcome(storage, earlier))
    assert asyncio.run(write_outcome(storage, later)) == later
    assert asyncio.run(write_outcome(storage, earlier)) == later
    assert recorded(storage) == later


def test_what_is_no_outcome_is_replaced(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    asyncio.run(storage.put_bytes(OUTCOME, b"{"))
    assert recorded(storage) is None
    assert asyncio.run(write_outcome(storage, outcome("one"))) == recorded(storage)
