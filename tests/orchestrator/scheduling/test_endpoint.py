"""An endpoint's own rules: what it is given after it throttled, failed or refused."""

import pytest

from helios.contract.error_record import ErrorRecord
from helios.errors import (
    AccessDenied,
    HeliosError,
    OptionInvalid,
    WorkerThrottled,
    WorkerUnavailable,
)
from orchestrator.adapters import LocalWorkerAdapter
from orchestrator.scheduling.concurrency_limit import AdaptiveConcurrencyLimit
from orchestrator.scheduling.endpoint import (
    BARRED_PAUSE,
    FIRST_PAUSE,
    MAX_PAUSE,
    OPEN_AFTER,
    Endpoint,
)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def an_endpoint(clock: Clock, *, most: int = 100) -> Endpoint:
    return Endpoint(
        name="there",
        adapter=LocalWorkerAdapter(),
        most=most,
        window=AdaptiveConcurrencyLimit(size=40),
        clock=clock,
        jitter=lambda: 0.0,
    )


def refuse(endpoint: Endpoint, fault: HeliosError) -> None:
    endpoint.refused(ErrorRecord.of(fault), turn=endpoint.window.turn)


def test_a_place_that_throttles_is_given_half_as_many_jobs_from_then_on(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    endpoint.running = 40
    for _ in range(20):
        endpoint.running -= 1
        # They were all sent together.
        endpoint.refused(ErrorRecord.of(WorkerThrottled("no")), turn=0)
    assert (endpoint.running, endpoint.limit) == (20, 20)
    assert not endpoint.has_room
    endpoint.running -= 1
    assert endpoint.has_room


def test_a_place_without_anything_running_is_still_given_one_job(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    refuse(endpoint, WorkerThrottled("no"))
    clock.now += MAX_PAUSE
    assert (endpoint.limit, endpoint.has_room) == (1, True)


def test_what_a_place_is_given_grows_but_never_past_its_most(clock: Clock) -> None:
    endpoint = an_endpoint(clock, most=50)
    assert endpoint.limit == 40
    for _ in range(100):
        endpoint.running = endpoint.limit - 1
        endpoint.took()
    assert endpoint.limit == 50


def test_jobs_that_are_refused_together_count_once(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    for _ in range(50):
        refuse(endpoint, WorkerUnavailable("no"))
    assert endpoint.rest == FIRST_PAUSE
    assert endpoint.limit == 40


def test_pauses_double_until_a_job_is_taken(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    rests = []
    for _ in range(8):
        refuse(endpoint, WorkerThrottled("no"))
        rests.append(endpoint.rest)
        assert not endpoint.has_room
        clock.now += endpoint.rest
        assert endpoint.has_room
    assert rests == [0.5, 1, 2, 4, 8, 16, 30, 30]
    endpoint.took()
    refuse(endpoint, WorkerThrottled("no"))
    assert endpoint.rest == FIRST_PAUSE


def test_a_place_that_stays_out_of_reach_is_given_one_job_at_a_time(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    for _ in range(OPEN_AFTER):
        assert endpoint.limit == 40
        refuse(endpoint, WorkerUnavailable("no"))
        clock.now += endpoint.rest
    assert endpoint.limit == 1
    endpoint.took()
    assert endpoint.limit == 40


def test_a_place_that_denies_access_is_left_alone_for_long(clock: Clock) -> None:
    endpoint = an_endpoint(clock)
    refuse(endpoint, AccessDenied("no"))
    assert endpoint.is_barred
    assert endpoint.rest == BARRED_PAUSE
    clock.now += BARRED_PAUSE
    assert not endpoint.is_barred
    assert endpoint.limit == 1


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_a_weight_that_is_no_share_is_refused(weight: float) -> None:
    with pytest.raises(OptionInvalid, match="there: its weight"):
        Endpoint(name="there", adapter=LocalWorkerAdapter(), weight=weight)
