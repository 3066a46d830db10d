"""A place's own rules: what it is given after it throttled, failed or refused."""

import pytest

from helios.errors import (
    AccessDenied,
    HeliosError,
    OptionInvalid,
    WorkerThrottled,
    WorkerUnavailable,
)
from helios.worker_job import ErrorRecord
from orchestrator.adapters import LocalWorkerAdapter
from orchestrator.adapters.place import BARRED_PAUSE, FIRST_PAUSE, MAX_PAUSE, OPEN_AFTER, Place
from orchestrator.admission import Window


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_place(clock: Clock, *, most: int = 100) -> Place:
    return Place(
        name="there",
        adapter=LocalWorkerAdapter(),
        most=most,
        window=Window(size=40),
        clock=clock,
        jitter=lambda: 0.0,
    )


def refuse(place: Place, fault: HeliosError) -> None:
    place.refused(ErrorRecord.of(fault), turn=place.window.turn)


def test_a_place_that_throttles_is_given_half_as_many_jobs_from_then_on(clock: Clock) -> None:
    place = a_place(clock)
    place.running = 40
    for _ in range(20):
        place.running -= 1
        # They were all sent together.
        place.refused(ErrorRecord.of(WorkerThrottled("no")), turn=0)
    assert (place.running, place.limit) == (20, 20)
    assert not place.has_room
    place.running -= 1
    assert place.has_room


def test_a_place_without_anything_running_is_still_given_one_job(clock: Clock) -> None:
    place = a_place(clock)
    refuse(place, WorkerThrottled("no"))
    clock.now += MAX_PAUSE
    assert (place.limit, place.has_room) == (1, True)


def test_what_a_place_is_given_grows_but_never_past_its_most(clock: Clock) -> None:
    place = a_place(clock, most=50)
    assert place.limit == 40
    for _ in range(100):
        place.running = place.limit - 1
        place.took()
    assert place.limit == 50


def test_jobs_that_are_refused_together_count_once(clock: Clock) -> None:
    place = a_place(clock)
    for _ in range(50):
        refuse(place, WorkerUnavailable("no"))
    assert place.rest == FIRST_PAUSE
    assert place.limit == 40


def test_pauses_double_until_a_job_is_taken(clock: Clock) -> None:
    place = a_place(clock)
    rests = []
    for _ in range(8):
        refuse(place, WorkerThrottled("no"))
        rests.append(place.rest)
        assert not place.has_room
        clock.now += place.rest
        assert place.has_room
    assert rests == [0.5, 1, 2, 4, 8, 16, 30, 30]
    place.took()
    refuse(place, WorkerThrottled("no"))
    assert place.rest == FIRST_PAUSE


def test_a_place_that_stays_out_of_reach_is_given_one_job_at_a_time(clock: Clock) -> None:
    place = a_place(clock)
    for _ in range(OPEN_AFTER):
        assert place.limit == 40
        refuse(place, WorkerUnavailable("no"))
        clock.now += place.rest
    assert place.limit == 1
    place.took()
    assert place.limit == 40


def test_a_place_that_denies_access_is_left_alone_for_long(clock: Clock) -> None:
    place = a_place(clock)
    refuse(place, AccessDenied("no"))
    assert place.is_barred
    assert place.rest == BARRED_PAUSE
    clock.now += BARRED_PAUSE
    assert not place.is_barred
    assert place.limit == 1


@pytest.mark.parametrize("weight", [0, -1, float("inf"), float("nan")])
def test_a_weight_that_is_no_share_is_refused(weight: float) -> None:
    with pytest.raises(OptionInvalid, match="there: its weight"):
        Place(name="there", adapter=LocalWorkerAdapter(), weight=weight)
