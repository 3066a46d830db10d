"""Cost limits of renders that no client watches."""

import pytest

from helios.errors import CostLimitReached
from orchestrator.cost import AwsWorkers, GoogleWorkers, Usage, Workers, cost_of
from orchestrator.cost.limit import seconds_paid_for


@pytest.mark.parametrize("workers", [AwsWorkers(), GoogleWorkers()])
@pytest.mark.parametrize(("chunks", "at_once"), [(100, 20), (5, 200), (10_000, 1000)])
def test_workers_that_are_busy_all_the_time_stay_within_the_limit(
    workers: Workers, chunks: int, at_once: int
) -> None:
    max_cost = 100.0
    seconds = seconds_paid_for(max_cost, workers, chunks=chunks, at_once=at_once)

    busy = min(chunks, at_once)
    spent = Usage(
        chunks=chunks, invocations=chunks, chunk_seconds=seconds * busy, merge_seconds=900
    )
    assert cost_of(spent, workers).dollars <= max_cost * 1.000001
    assert seconds > 1


def test_a_limit_that_pays_for_nothing_is_refused_with_what_it_would_take() -> None:
    with pytest.raises(CostLimitReached, match="less than a second of 200 workers") as told:
        seconds_paid_for(0.01, AwsWorkers(), chunks=1000, at_once=200)
    assert "$" in told.value.hint
