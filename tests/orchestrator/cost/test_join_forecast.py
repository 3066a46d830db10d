"""How chunks will be joined, before they are rendered."""

import pytest

from helios.contract.job_spec import JobSpec
from helios.storage.composition_plan import MAX_PARTS
from orchestrator.cost import AwsWorkers, GoogleWorkers, Workers
from orchestrator.cost.join_forecast import forecast_join
from tests.helios.worker_site import FRAMES, make_spec

MB = 1 << 20


def spec(chunks: int, *, suffix: str = ".mp4") -> JobSpec:
    return make_spec(chunks=chunks, suffix=suffix)


def test_what_fits_the_disk_is_joined_there() -> None:
    join = forecast_join(spec(10), 10_000, AwsWorkers())
    assert (join.in_storage, join.parts, join.calls, join.fault) == (False, 0, 0, "")
    assert join.bytes == 10 * FRAMES * 10_000
    assert "on the merge worker's disk" in str(join)


@pytest.mark.parametrize("workers", [AwsWorkers(), GoogleWorkers()])
def test_what_does_not_is_joined_in_storage_with_a_call_a_part_or_fewer(workers: Workers) -> None:
    join = forecast_join(spec(2000), 20 * MB / FRAMES, workers)
    assert join.in_storage
    assert not join.fault
    assert 60 <= join.calls <= 2010
    assert join.seconds < 60


def test_ten_thousand_large_chunks_fit_one_object_in_time() -> None:
    join = forecast_join(spec(10_001), 6 * MB / FRAMES, AwsWorkers())
    assert join.in_storage
    assert join.parts <= MAX_PARTS
    assert not join.fault
    assert join.seconds < 900


def test_small_chunks_take_less_than_two_calls_each() -> None:
    join = forecast_join(spec(10_000), 2 * MB / FRAMES, AwsWorkers(merge_disk=512))
    assert join.in_storage
    assert join.calls < 2 * 10_000


def test_what_neither_disk_nor_storage_can_join_is_said_before() -> None:
    join = forecast_join(spec(2000, suffix=".mkv"), 20 * MB / FRAMES, AwsWorkers())
    assert not join.in_storage
    assert "no storage joins them" in join.fault


def test_more_than_an_object_may_hold_is_said_before() -> None:
    join = forecast_join(spec(2000), 40e9 / FRAMES, AwsWorkers())
    assert join.fault == "they are larger than an object may be"
