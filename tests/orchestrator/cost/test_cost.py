"""What renders cost by the price list."""

import json
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from helios.contract.artifact import Artifact
from helios.records.chunk_record import ChunkRecord, MergeRecord
from helios.storage import open_storage
from orchestrator.cli.costs import described
from orchestrator.cost import AwsWorkers, GoogleWorkers, Usage, aws_cost, cost_of
from orchestrator.cost.prices import PriceSource, aws_prices, google_prices
from orchestrator.cost.recorded import merges_in, recorded_usage

WORKERS = AwsWorkers(
    chunk_memory=2048, chunk_disk=1536, merge_memory=1024, merge_disk=512, region="us-east-1"
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def amounts(usage: Usage, workers: AwsWorkers = WORKERS) -> dict[str, tuple[float, float]]:
    return {item.what: (item.amount, item.dollars) for item in aws_cost(usage, workers).items}


def chunk(id_: int, *, seconds: float, attempt: int = 1, size: int = 0) -> ChunkRecord:
    return ChunkRecord(
        artifact=Artifact(url=f"s3://b/{id_}.mp4", bytes=size),
        attempt=attempt,
        started_at=NOON,
        duration_ms=seconds * 1000,
        chunk_id=id_,
        key="k",
        start_frame=0,
        frame_count=10,
        frames=10,
    )


def merge(*, seconds: float, size: int, hours: int = 0) -> MergeRecord:
    return MergeRecord(
        artifact=Artifact(url="s3://b/v.mp4", bytes=size),
        started_at=NOON + timedelta(hours=hours),
        duration_ms=seconds * 1000,
        key="k",
        name="output/v.mp4",
        chunks=2,
        frames=20,
    )


def test_worker_seconds_are_priced_by_memory_and_by_disk_beyond_what_is_free() -> None:
    used = amounts(Usage(chunks=2, invocations=2, chunk_seconds=100, merge_seconds=10))

    assert used["chunks: memory"] == pytest.approx((200, 200 * 0.0000166667))
    assert used["chunks: disk"] == pytest.approx((100, 100 * 0.0000000309))
    assert used["merge: memory"] == pytest.approx((10, 10 * 0.0000166667))
    assert "merge: disk" not in used


def test_a_detached_render_pays_for_its_workflow_and_an_attached_one_does_not() -> None:
    detached = amounts(Usage(chunks=100, invocations=103, chunk_seconds=1, merge_seconds=1))
    attached = amounts(
        Usage(chunks=100, invocations=103, chunk_seconds=1, merge_seconds=1, detached=False)
    )

    assert detached["state transitions"] == pytest.approx((311, 311 * 0.000025))
    assert detached["invocations"][0] == 105
    assert "state transitions" not in attached
    assert attached["invocations"][0] == 104


def test_a_hundred_chunks_kept_for_a_week_and_a_video_kept_for_a_month_cost_storage() -> None:
    used = amounts(
        Usage(
            chunks=1,
            invocations=1,
            chunk_seconds=1,
            chunk_bytes=30 * 10**9,
            output_bytes=10**9,
        )
    )

    assert used["storage: chunks"] == pytest.approx((7, 7 * 0.023))
    assert used["storage: video"] == pytest.approx((1, 0.023))


def test_the_sum_is_that_of_the_items_and_says_that_it_is_an_estimate() -> None:
    cost = aws_cost(Usage(chunks=3, invocations=3, chunk_seconds=60, merge_seconds=4), WORKERS)

    document = cost.document()

    assert document["estimate"] is True
    assert document["total"] == pytest.approx(
        sum(item["cost"] for item in document["items"]), abs=1e-6
    )
    assert document["prices"]["region"] == "us-east-1"
    assert all(
        source.startswith("https://aws.amazon.com/") for source in document["prices"]["sources"]
    )
    json.dumps(document)


def test_arm_is_cheaper_and_regions_have_prices_of_their_own() -> None:
    usage = Usage(chunks=10, invocations=10, chunk_seconds=1000)
    x86 = aws_cost(usage, AwsWorkers(region="eu-west-1")).dollars
    arm = aws_cost(usage, AwsWorkers(region="eu-west-1", architecture="arm64")).dollars
    paulo = aws_cost(usage, AwsWorkers(region="sa-east-1")).dollars

    assert arm < x86 < paulo


def test_a_region_that_is_not_listed_is_priced_as_another_one_that_is_named() -> None:
    cost = aws_cost(
        Usage(chunks=1, invocations=1, chunk_seconds=1), AwsWorkers(region="xx-south-9")
    )

    assert cost.prices.region == "us-east-1"


def test_google_has_two_tiers_of_prices() -> None:
    first, _ = google_prices("us-central1")
    second, source = google_prices("europe-west3")

    assert first.task_cpu_second < second.task_cpu_second
    assert first.storage_gb_month == second.storage_gb_month
    assert source.region == "europe-west3"


def test_prices_are_outdated_after_a_year() -> None:
    _, source = aws_prices("eu-west-1")
    listed = date.fromisoformat(source.as_of)

    assert not source.is_outdated(listed + timedelta(days=365))
    assert source.is_outdated(listed + timedelta(days=366))


def test_an_estimate_by_outdated_prices_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = aws_cost(Usage(chunks=2, invocations=2, chunk_seconds=10), WORKERS)
    for outdated in (True, False):
        monkeypatch.setattr(PriceSource, "is_outdated", lambda _, outdated=outdated: outdated)

        assert cost.document()["prices"]["outdated"] is outdated
        assert ("more than a year old" in described(cost)) is outdated


def test_the_price_list_is_dated_and_every_region_in_it_is_complete() -> None:
    lists = json.loads(files("orchestrator.cost").joinpath("prices.json").read_text("utf-8"))

    for cloud in ("aws", "google"):
        assert date.fromisoformat(lists[cloud]["asOf"]) > date(2025, 1, 1)
    for region in lists["aws"]["regions"]:
        prices, source = aws_prices(region)
        assert source.region == region
        assert 0.01 < prices.storage_gb_month < 0.1
        assert prices.read_request < prices.write_request < prices.state_transition


def test_what_was_used_is_what_workers_recorded_further_tries_included() -> None:
    chunks = [chunk(0, seconds=10, size=5), chunk(1, seconds=20, attempt=3, size=7)]

    usage = recorded_usage(chunks, [merge(seconds=4, size=11)], detached=True)

    assert (usage.chunks, usage.invocations) == (2, 4)
    assert (usage.chunk_seconds, usage.merge_seconds) == (70, 4)
    assert (usage.chunk_bytes, usage.output_bytes) == (12, 11)


async def test_records_of_merges_are_found_the_latest_one_last(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    late, early = merge(seconds=1, size=2, hours=5), merge(seconds=1, size=1)
    await storage.put_bytes("output/merge-a.json", late.to_bytes())
    await storage.put_bytes("output/merge-b.json", early.to_bytes())
    await storage.put_bytes("output/merge-c.json", b"{}")
    await storage.put_bytes("output/video.mp4", b"video")

    assert await merges_in(storage) == [early, late]


def test_tasks_on_google_are_billed_for_a_minute_at_least() -> None:
    short = Usage(chunks=10, invocations=10, chunk_seconds=100, merge_seconds=5)
    items = {item.what: item for item in cost_of(short, GoogleWorkers()).items}
    prices, _ = google_prices("europe-west1")

    assert items["workers: CPU"].amount == 10 * 60 * 2
    assert items["workers: CPU"].dollars == pytest.approx(1200 * prices.task_cpu_second)
    assert items["workers: memory"].amount == 10 * 60 * 4
    assert "requests" not in items


def test_a_service_on_google_is_billed_by_its_requests() -> None:
    usage = Usage(chunks=3, invocations=4, chunk_seconds=100, merge_seconds=5, detached=False)
    cost = cost_of(usage, GoogleWorkers(region="europe-west3", cpu=1, memory_gib=2))
    items = {item.what: item for item in cost.items}
    prices, _ = google_prices("europe-west3")

    assert items["workers: CPU"].dollars == pytest.approx(105 * prices.service_cpu_second)
    assert items["requests"].amount == 5
    assert cost.prices.region == "europe-west3"
    assert cost.dollars == pytest.approx(sum(item.dollars for item in items.values()))
