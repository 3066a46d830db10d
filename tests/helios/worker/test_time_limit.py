import pytest

from helios.worker.time_limit import MARGIN, TimeLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_nothing_is_limited() -> None:
    limit = TimeLimit(None)
    assert limit.for_command() is None
    assert limit.for_all() is None
    assert limit.for_command(7) == 7


@pytest.mark.parametrize("seconds", [900.0, 60.0, 12.0, 3.0, 0.5])
def test_a_command_ends_before_the_work_and_the_work_before_the_worker(seconds: float) -> None:
    limit = TimeLimit(seconds, clock=Clock())
    command, everything = limit.for_command(), limit.for_all()
    assert command is not None
    assert everything is not None
    assert 0 < command < everything < seconds
    assert seconds - command <= MARGIN


def test_time_that_went_by_is_gone() -> None:
    clock = Clock()
    limit = TimeLimit(60, clock=clock)
    clock.now += 20
    assert limit.for_command() == 60 - MARGIN - 20
    assert limit.for_command(5) == 5
    clock.now += 1000
    assert limit.for_command() == 0
    assert limit.for_all() == 0


def test_a_limit_in_the_past_is_none_left() -> None:
    assert TimeLimit(-5).for_command() == 0
