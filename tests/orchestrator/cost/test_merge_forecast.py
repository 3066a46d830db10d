"""Forecasts of merges."""

import pytest

from helios.contract.job_spec import JobSpec
from helios.storage.composition_plan import MAX_PARTS
from orchestrator.cost import AwsWorkers, GoogleWorkers, Workers
from orchestrator.cost.merge_forecast import forecast_merge
from tests.helios.worker_setup import FRAMES, make_spec

MB = 1 << 20


def spec(chunks: int, *, suffix: str = ".mp4") -> JobSpec:
    return make_spec(chunks=chunks, suffix=suffix)


def test_what_fits_the_disk_is_stitched_there() -> None:
    merge = forecast_merge(spec(10), 10_000, AwsWorkers())
    assert (merge.in_storage, merge.parts, merge.calls, merge.fault) == (False, 0, 0, "")
    assert merge.bytes == 10 * FRAMES * 10_000
    assert "on the merge worker's disk" in str(merge)


@pytest.mark.parametrize("workers", [AwsWorkers(), GoogleWorkers()])
def test_what_does_not_is_stitched_in_storage_with_a_call_a_part_or_fewer(workers: Workers) -> None:
    merge = forecast_merge(spec(2000), 20 * MB / FRAMES, workers)
    assert merge.in_storage
    assert not merge.fault
    assert 60 <= merge.calls <= 2010
    assert merge.seconds < 60


def test_ten_thousand_large_chunks_fit_one_object_in_time() -> None:
    merge = forecast_merge(spec(10_001), 6 * MB / FRAMES, AwsWorkers())
    assert merge.in_storage
    assert merge.parts <= MAX_PARTS
    assert not merge.fault
    assert merge.seconds < 900


def test_small_chunks_take_less_than_two_calls_each() -> None:
    merge = forecast_merge(spec(10_000), 2 * MB / FRAMES, AwsWorkers(merge_disk=512))
    assert merge.in_storage
    assert merge.calls < 2 * 10_000


def test_what_neither_disk_nor_storage_can_stitch_is_said_before() -> None:
    merge = forecast_merge(spec(2000, suffix=".mkv"), 20 * MB / FRAMES, AwsWorkers())
    assert not merge.in_storage
    assert "no storage stitches them" in merge.fault


def test_more_than_an_object_may_hold_is_said_before() -> None:
    merge = forecast_merge(spec(2000), 40e9 / FRAMES, AwsWorkers())
    assert merge.fault == "they are larger than an object may be"
