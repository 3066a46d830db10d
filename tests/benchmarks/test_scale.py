"""The simulation of large renders keeps to the platforms' limits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale import duration
from benchmarks.scale_model import CLOUD_RUN, LAMBDA, Measured, Platform, plan, simulate

MEASURED = Measured(frame=0.1, cold=1.5, warm=1.0)
platforms = pytest.mark.parametrize("platform", [LAMBDA, CLOUD_RUN])


@platforms
@given(frames=st.integers(1, 2_000_000), workers=st.integers(1, 20_000))
def test_chunks_hold_every_frame_and_there_are_no_more_than_the_platform_takes(
    platform: Platform, frames: int, workers: int
) -> None:
    lengths = plan(frames, workers, platform, MEASURED)
    assert sum(lengths) == frames
    assert len(lengths) <= platform.most_chunks
    assert max(lengths) - min(lengths) <= 1


def test_a_function_is_never_planned_to_its_time_limit() -> None:
    longest = max(plan(36_000 * 30, 10, LAMBDA, MEASURED)) * MEASURED.frame
    assert longest <= LAMBDA.time_limit / 2


@platforms
def test_more_workers_are_quicker_until_chunks_can_get_no_smaller(platform: Platform) -> None:
    ten, hundred = (simulate(600, workers, platform, MEASURED) for workers in (10, 100))
    assert hundred.chunks_done < ten.chunks_done / 5
    small, large = (simulate(60, workers, platform, MEASURED) for workers in (180, 10_000))
    assert small.chunks == large.chunks == 180
    assert small.chunks_done == large.chunks_done


def test_a_render_takes_at_least_its_frames_divided_among_its_workers() -> None:
    render = simulate(3_600, 100, LAMBDA, MEASURED)
    alone = 3_600 * 30 * MEASURED.frame
    assert alone / 100 < render.chunks_done < 2 * alone / 100


def test_workers_that_come_by_and_by_make_a_large_render_longer() -> None:
    render = simulate(36_000, 10_000, LAMBDA, MEASURED)
    at_once = simulate(36_000, 10_000, replace(LAMBDA, at_once=10_000), MEASURED)
    assert render.chunks == at_once.chunks == 10_000
    assert render.chunks_done > 1.5 * at_once.chunks_done


def test_a_video_that_one_function_can_not_join_is_marked() -> None:
    assert simulate(3_600, 100, LAMBDA, MEASURED).merged is not None
    assert simulate(36_000, 100, LAMBDA, MEASURED).merged is None


@platforms
def test_ten_times_the_video_costs_about_ten_times_as_much(platform: Platform) -> None:
    short, long = (simulate(seconds, 10, platform, MEASURED) for seconds in (1_000, 10_000))
    assert 8 < long.dollars / short.dollars < 11


def test_a_task_costs_a_minute_however_short_it_is() -> None:
    one, many = (simulate(60, workers, CLOUD_RUN, MEASURED) for workers in (5, 180))
    assert many.dollars > 5 * one.dollars


@pytest.mark.parametrize(
    ("seconds", "text"), [(47.6, "48 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
