"""What a page sees and shows at frame n: each part of the composition contract, pixel by pixel."""

import math
from collections.abc import Callable
from fractions import Fraction

import pytest

from tests.sampling import every_nth

from .conftest import HEIGHT, WIDTH, Log, Studio

pytestmark = pytest.mark.browser

#: Frames that most tests look at: the first, some between, those at whole and half seconds.
LOOK = (0, 7, 14, 15, 16, 29, 30, 31, 44, 45, 58)

Level = Callable[[float], float]


def ramp(length: float, *, delay: float = 0, start: float = 0) -> Level:
    """Brightness that grows from 0 to 240 in `length` seconds, and stays."""
    return lambda t: (
        240 * min(max((t - Fraction(str(delay))) / Fraction(str(length)) + start, 0), 1)
    )


def steps(times: list[float], levels: list[float]) -> Level:
    """Brightness that jumps to each level at its time."""

    def level(t: float) -> float:
        past = [value for at, value in zip(times, levels, strict=True) if t >= at]
        return past[-1] if past else 0

    return level


def frame_before(t: float) -> float:
    """Time of the last frame that was drawn before `t`."""
    return (math.ceil(t * 30 - 1e-6) - 1) / 30


def test_css_animations_follow_the_frames_time(studio: Studio) -> None:
    def alternating(t: float) -> float:
        rounds = t / 0.7
        part = rounds % 1
        return 240 * (part if int(rounds) % 2 == 0 else 1 - part)

    studio.check(
        "css-animations",
        LOOK,
        {
            0: lambda t: 240 * (t % 1),
            1: ramp(1, delay=0.5),
            2: lambda t: 240 * ((t + 0.25) % 1),
            3: lambda t: 240 * (t / 0.8 % 1) if t < 1.2 else 120,
            4: alternating,
            5: lambda t: 240 * (1 - t / 2),
            6: lambda t: 60 * int(t % 1 * 4),
            7: lambda t: 120,
            9: ramp(2),
        },
    )


def test_transitions_begin_when_a_script_sets_them_off(studio: Studio) -> None:
    studio.check(
        "transitions",
        LOOK,
        {
            0: ramp(1),
            1: ramp(1, delay=0.5),
            # Turned back half-way.
            2: lambda t: ramp(1, delay=0.2)(t) if t < 0.7 else max(0, 240 * (0.5 - (t - 0.7))),
            # Begins at the first frame after 0.41 s, 0.3 s later.
            3: lambda t: 240 * min(max(t - (13 / 30) - 0.3, 0), 1),
            4: ramp(1, delay=0.6),
        },
    )


def test_what_the_end_of_an_animation_sets_off_begins_at_that_frame(studio: Studio) -> None:
    half = 0.5
    studio.check(
        "chained",
        LOOK,
        {
            # The same animation with another duration goes on from where it is.
            0: lambda t: 480 * t if t < half else ramp(1)(t),
            1: ramp(0.5),
            2: ramp(0.5, delay=0.5),
            3: lambda t: 480 * t if t < half else ramp(1, delay=0.5)(t),
            5: lambda t: 600 * (t % 0.4) if t < 1.2 else 240,
            6: lambda t: 600 * (t % 0.4),
            7: lambda t: 48 * int(t / 0.4),
        },
    )


def test_a_paused_animation_stands_still(studio: Studio) -> None:
    studio.check(
        "play-state",
        LOOK,
        {
            0: lambda t: 120 * (t if t < 0.5 else 0.5 if t < 1 else t - 0.5),
            1: ramp(2, delay=(23 / 30)),
        },
        tolerance=3,
    )


def test_scripts_steer_web_animations(studio: Studio) -> None:
    step = 1 / 30
    studio.check(
        "web-animations",
        LOOK,
        {
            0: ramp(2),
            1: lambda t: 72,
            2: lambda t: 120 * (t if t <= 1 else 2 - t),
            3: ramp(1),
            4: lambda t: 120 * min(t if t < 0.5 else 0.5 + 2 * (t - 0.5), 2),
            # A script in a timer moves it before the frame is made: one frame's time is added.
            5: lambda t: 120 * (t if t < 1 else min(1.5 + step + t - 1, 2)),
            6: lambda t: 480 * (t if t < 0.5 else 0.5 if t < 1 else min(t - 1, 0.5)),
            7: lambda t: 120 * (t if t < 0.7 else 0.7 if t < 1.4 else t - 0.7),
            8: lambda t: 120 * t if t < 1 else 0,
            9: lambda t: 120 * (t if t < 0.5 else min(step + t, 2)),
            10: lambda t: 240 * max(1 - t, 0),
            11: steps([1], [120]),
        },
        tolerance=3,
    )


def test_animation_frames_get_the_frames_time_and_see_its_styles(studio: Studio) -> None:
    studio.check(
        "animation-frames",
        LOOK,
        {
            0: ramp(2),
            1: ramp(2),
            2: ramp(2),
            3: ramp(2),
            4: lambda t: 0,
            5: lambda t: 240,
            # Set by a callback that the frame before asked for: one frame's time in milliseconds.
            6: lambda t: 0,
        },
    )


def test_timers_run_in_their_order_at_their_own_times(studio: Studio) -> None:
    studio.check(
        "timers",
        LOOK,
        {
            0: lambda t: 12 * int(t * 10),
            1: lambda t: 30 * min(int(t * 4), 5),
            2: ramp(2),
            3: lambda t: 0,
            4: steps([0.6], [240]),
            5: steps([1.05], [126]),
            7: lambda t: 0 if t < 0.35 else 120 * frame_before(int(t / 0.35) * 0.35),
            8: steps([0.777], [186.5]),
            9: steps([0.001], [240]),
            10: lambda t: 0.12 * min(int(t * 1000), 1999),
        },
    )


def test_all_clocks_agree(studio: Studio) -> None:
    studio.check(
        "clocks",
        LOOK,
        {
            **dict.fromkeys(range(4), ramp(2)),
            **dict.fromkeys((4, 5), lambda t: 240),
        },
    )


def test_all_clocks_agree_at_29_97_frames_a_second(studio: Studio) -> None:
    rate = Fraction(30000, 1001)
    (picture,) = studio.shoot("clocks", [29], rate=rate)
    assert picture.level(4) == 240
    assert picture.level(0) == round(120 * Fraction(29) / rate)


@pytest.mark.parametrize("name", ["gsap-alone", "hf-seek"])
def test_a_page_that_offers_to_be_driven_is_driven_by_seconds(studio: Studio, name: str) -> None:
    studio.check(name, LOOK, {0: ramp(2)})


def test_registered_timelines_are_driven_side_by_side(studio: Studio) -> None:
    studio.check("gsap", LOOK, {0: ramp(1.5), 1: ramp(1), 2: lambda t: 240})


def test_a_frame_waits_until_the_page_calls_itself_stable(studio: Studio) -> None:
    studio.check("helios-seek", LOOK, {0: ramp(2), 1: ramp(2), 2: ramp(2), 3: steps([1], [120])})


def test_props_arrive_before_the_first_script(studio: Studio) -> None:
    props = {"level": 0.5, "nested": {"text": "\u00fc \u2028 <b>"}}
    (picture,) = studio.shoot("props", [0], props=props)
    assert [picture.level(box) for box in range(3)] == [120, 240, 120]


def test_frames_of_the_same_and_of_other_origins_keep_time(studio: Studio) -> None:
    # Rows of eight: a frame is two boxes wide and two high, and child.html fills all four.
    studio.check(
        "frames",
        LOOK,
        {
            **dict.fromkeys((0, 1, 2, 3, 4, 5), ramp(2)),
            8: lambda t: 12 * int(t * 10),
            12: lambda t: 12 * int(t * 10),
            6: lambda t: 255 if t < 0.5 else ramp(2, delay=0.5)(t),
            7: lambda t: 255 if t < 0.5 else ramp(2)(t),
        },
    )


def test_animations_in_shadow_trees_keep_time(studio: Studio) -> None:
    studio.check(
        "shadow",
        LOOK,
        {
            0: lambda t: 480 * t if t < 0.5 else ramp(1)(t),
            1: lambda t: 400 * t if t < 0.6 else ramp(1)(t),
            2: ramp(2),
            3: lambda t: 255 if t < 0.5 else 1200 * (t - 0.5) if t < 0.7 else ramp(1, delay=0.5)(t),
            4: ramp(2),
            **dict.fromkeys((5, 6, 7), lambda t: 255 if t < 0.5 else ramp(1, delay=0.5)(t)),
        },
    )


def test_videos_show_the_frame_that_belongs_to_the_time(studio: Studio) -> None:
    def clip(seconds: float) -> float:
        """Brightness of the clip at its own time."""
        return 20 + 3 * min(int(seconds * 30 + 0.001), 59)

    def scripted(t: float) -> float:
        if t < 0.5:
            return clip(0)
        if t < 1:
            return clip(t - 0.5)
        return clip(0.5 if t < 1.5 else 0.2 + 2 * (t - 1.5))

    studio.check(
        "video",
        LOOK,
        {
            0: clip,
            1: lambda t: clip(0.3 + max(t - 0.5, 0)),
            2: lambda t: clip(t / 2),
            3: lambda t: clip(1.5 + t % 0.5),
            4: clip,
            5: scripted,
            6: clip,
            7: clip,
        },
        tolerance=3,
    )


def test_files_that_are_asked_for_late_are_there_in_their_frame(studio: Studio) -> None:
    studio.check(
        "late-files",
        [0, 8, 9, 20, 21, 35, 36, 38, 40, 44, 45, 47, 48, 55],
        {
            0: steps([0.3], [100]),
            1: steps([0.7], [100]),
            2: steps([1.2], [100]),
            3: steps([1.5], [100]),
            4: lambda t: 100,
            5: steps([1.6], [100]),
            6: steps([1.3], [100]),
        },
    )


def test_a_font_that_is_used_late_is_there_in_its_frame(studio: Studio) -> None:
    before, after, later = studio.shoot("late-files", [29, 30, 33])

    def words(picture: object) -> bytes:
        return picture.image.crop((0, 80, 320, 180)).tobytes()  # type: ignore[attr-defined, no-any-return]

    assert words(before) != words(after)
    assert words(after) == words(later)


def test_canvas_webgl_and_svg_keep_time(studio: Studio) -> None:
    studio.check("canvas-2d", LOOK, {0: ramp(2)})
    studio.check("webgl", LOOK, {0: lambda t: 255 * t / 2, 1: lambda t: 153})
    studio.check("svg", LOOK, {0: ramp(2), 1: lambda t: 0 if t < 0.5 else 240 * ((t - 0.5) % 1)})


def test_what_a_page_logs_and_throws_comes_with_its_frame(studio: Studio) -> None:
    log: Log = []
    studio.shoot("talking", [0, 40], log=log)
    assert (None, "log", 'at load {"a":1}') in [(f, k, t) for f, k, t in log] or log[0][0] is None
    assert (10, "warning", "ten") in log
    assert [frame for frame, kind, text in log if kind == "error" and "broke" in text] == [20]


# --- without control of the browser's frames --------------------------------------------------


@every_nth(3)
@pytest.mark.parametrize(
    "name",
    [
        "animation-frames",
        "canvas-2d",
        "chained",
        "clocks",
        "css-animations",
        "helios-seek",
        "play-state",
        "shadow",
        "svg",
        "timers",
        "transitions",
    ],
)
def test_a_browser_that_draws_by_itself_shows_the_same_pixels(studio: Studio, name: str) -> None:
    frames = [0, 10, 15, 16, 37, 59]
    expected = studio.shoot(name, frames)
    found = studio.shoot(name, frames, on_demand=False)
    wrong = [f for f, a, b in zip(frames, expected, found, strict=True) if a.digest != b.digest]
    assert wrong == []


@pytest.mark.parametrize("on_demand", [None, False])
def test_a_page_that_stands_still_has_the_same_picture_in_every_frame(
    studio: Studio, on_demand: bool | None
) -> None:
    first, *rest = studio.shoot("props", [0, 1, 2, 30], on_demand=on_demand)
    assert first.image.size == (WIDTH, HEIGHT)
    assert [picture.digest for picture in rest] == [first.digest] * 3


def test_observers_are_asked_in_every_frame_that_moves(studio: Studio) -> None:
    # Moved by 120 px a second, half of each is in view 0.5 s and 1 s after the start.
    studio.check("observed", LOOK, {0: ramp(0.5, delay=15 / 30), 1: ramp(0.5, delay=30 / 30)})


def test_a_jump_leaves_out_no_frame_that_a_timer_has_asked_for(studio: Studio) -> None:
    expected = {0: ramp(0.5, delay=10 / 30), 1: ramp(0.5, delay=22 / 30)}
    studio.check("double-frame", LOOK, expected)
    studio.check("double-frame", (58,), expected)


def test_helios_seek_gets_frames_of_the_rate_that_the_page_declares(studio: Studio) -> None:
    studio.check("own-rate", LOOK, {0: lambda t: 5.0 * math.floor(t * 24)})


def test_a_timer_without_delay_starts_its_transition_at_frame_0(studio: Studio) -> None:
    for _ in range(3):
        studio.check("at-once", (0, 1, 15), {0: ramp(1), 1: ramp(1)})
