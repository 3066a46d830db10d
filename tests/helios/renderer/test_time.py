"""All of the web platform that tells time tells the frame's, and all that uses time follows it."""

import json
import math
import re
from itertools import pairwise

import pytest

from .conftest import Log, Picture, Studio

pytestmark = pytest.mark.browser


def test_every_clock_of_a_page_shows_the_time_of_the_frame(studio: Studio) -> None:
    log: Log = []
    studio.shoot("tells-time", [0, 1, 7, 59], log=log)
    (_, _, names), *wrong = log
    assert len(json.loads(names)) > 30
    assert [text for _, _, text in wrong] == []


#: What of the platform tells a time, other than `Date`, devices and other machines.
FOLLOWS_THE_FRAME = {
    *("Animation.startTime", "Animation.currentTime", "AnimationTimeline.currentTime"),
    *("AnimationEvent.elapsedTime", "TransitionEvent.elapsedTime"),
    *("AnimationPlaybackEvent.currentTime", "AnimationPlaybackEvent.timelineTime"),
    *("BaseAudioContext.currentTime", "AudioProcessingEvent.playbackTime"),
    *("Document.lastModified", "File.lastModified", "Event.timeStamp"),
    *("HTMLMediaElement.currentTime", "VideoPlaybackQuality.creationTime"),
    *("IntersectionObserverEntry.time", "Performance.now", "Performance.timeOrigin"),
    *(f"LargestContentfulPaint.{name}Time" for name in ("render", "load", "paint", "presentation")),
    *("LayoutShift.lastInputTime", "PerformanceEntry.startTime"),
    *(
        f"PerformanceElementTiming.{name}Time"
        for name in ("render", "load", "paint", "presentation")
    ),
    *(f"PerformanceLongAnimationFrameTiming.{name}Time" for name in ("paint", "presentation")),
    "PerformanceLongAnimationFrameTiming.firstUIEventTimestamp",
    *(f"PerformancePaintTiming.{name}Time" for name in ("paint", "presentation")),
}
#: Times inside of something, which no clock moves.
CONTENT = re.compile(
    r"(AudioData|AudioParam|ChapterInformation|DelayNode|Encoded(Audio|Video)Chunk|HTML(Mod|Time)Element"
    r"|RTCEncoded(Audio|Video)Frame|TextTrackCue|VideoFrame)\."
)
#: What there is none of while a video is rendered.
DEVICES = re.compile(
    r"(BatteryManager|GeolocationPosition|GPU\w+|Gamepad|Notification|PressureRecord|PushSubscription"
    r"|RTC\w+|Sensor|SpeechSynthesisEvent|XR\w+)\."
)


def test_every_clock_of_the_platform_is_tested(studio: Studio) -> None:
    log: Log = []
    studio.shoot("time-attributes", [0], log=log)
    found = json.loads(log[0][2])
    clocks = {name for name in found if not CONTENT.match(name) and not DEVICES.match(name)}
    assert clocks - FOLLOWS_THE_FRAME == set()
    assert len(FOLLOWS_THE_FRAME & clocks) > 20


def test_all_that_waits_for_a_time_waits_for_that_of_the_frame(studio: Studio) -> None:
    def at_half_a_second(t: float) -> float:
        return 120 if t >= 0.5 else 0

    looks = dict.fromkeys(range(12), at_half_a_second)
    # Aborted at 0.3 s; seen by an idle callback a little later than it could.
    looks |= {6: lambda t: 120 if t >= 0.3 else 0, 4: lambda t: 120 if t >= 0.501 else 0}
    looks |= {7: lambda t: 120 if t >= 0.5005 else 0}
    studio.check("uses-time", [0, 8, 9, 14, 15, 16, 30, 59], looks)


def left_edge(picture: Picture, y: int) -> int:
    """Return where the first dark pixel of a row is."""
    width = picture.image.width
    return next((x for x in range(width) if picture.pixel(x, y)[1] < 64), width)


def test_marquees_move_with_the_frames_time(studio: Studio) -> None:
    frames = [0, 1, 15, 16, 30, 45]
    found = [
        (left_edge(picture, 20), left_edge(picture, 100))
        for picture in studio.shoot("marquee", frames)
    ]
    expected = [(320 - frame * 200 / 30, 320 - max(frame - 15, 0) * 200 / 30) for frame in frames]
    assert found == [pytest.approx(edges, abs=1) for edges in expected]


def test_workers_keep_the_pages_time(studio: Studio) -> None:
    studio.check(
        "workers",
        [0, 1, 11, 12, 19, 20, 29, 30, 45, 59],
        {
            0: lambda t: 12 * int(t * 10 + 1e-6),
            1: lambda t: 240 if t >= 0.1 else 0,
            2: lambda t: 120 * t,
            4: lambda t: 120 if t >= 0.4 else 0,
            5: lambda t: 120 * 0.65 if t >= 0.65 else 0,
            6: lambda t: 120 * 0.3 if t >= 0.3 else 0,
            7: lambda t: 120 * 0.7 if t >= 0.7 else 0,
            8: lambda t: 120 if t >= 1 else 0,
            9: lambda t: 240 if t >= 0.1 else 0,
            **dict.fromkeys((10, 11), lambda t: 12 * int(t * 10 + 1e-6)),
        },
    )


@pytest.mark.parametrize("page", ["worklet", "workers"])
def test_chance_in_workers_and_worklets_follows_the_seed(studio: Studio, page: str) -> None:
    boxes = {"worklet": (1, 2), "workers": (3,)}[page]
    drawn = [
        [studio.shoot(page, [0], seed=seed)[0].level(box) for box in boxes] for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_clock_of_an_audio_worklet_is_that_of_its_sound(studio: Studio) -> None:
    studio.check("worklet", [0, 30], {0: lambda t: 240})


def test_svg_animations_move_wherever_they_are(studio: Studio) -> None:
    def steered(t: float) -> float:
        if t < 0.5:
            return 120 * t
        return 60 if t < 1 else 120 if t < 1.5 else 120 * (t - 0.5)

    def added(t: float) -> float:
        return 255 if t < 0.5 else 120 * (t - 0.5)

    studio.check(
        "svg-roots",
        [0, 7, 14, 15, 16, 29, 30, 45, 58],
        {
            **dict.fromkeys(range(5), lambda t: 120 * t),
            5: added,
            6: added,
            7: steered,
        },
    )


def ease_in_out(progress: float) -> float:
    """CSS `ease-in-out`: the curve and its place in time, solved by halving."""

    def bezier(a: float, b: float, s: float) -> float:
        return 3 * a * s * (1 - s) ** 2 + 3 * b * s**2 * (1 - s) + s**3

    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if bezier(0.42, 0.58, middle) < progress else (low, middle)
    return bezier(0, 1, low)


def scrolled(t: float, start: float, distance: float) -> float:
    """Where a smooth scroll is, in pixels: as far as the square root of its length lasts."""
    length = min(math.sqrt(distance) / 60, 0.72)
    return distance * ease_in_out(min(max((t - start) / length, 0), 1))


def test_smooth_scrolls_follow_the_frames_time(studio: Studio) -> None:
    studio.check(
        "smooth-scroll",
        [0, 6, 7, 9, 15, 18, 20, 21, 22, 33, 37, 44, 45, 50],
        {
            0: lambda t: 0.24 * scrolled(t, 0.2, 900),
            1: lambda t: 0.24 * (scrolled(t, 0.5, 400) if t < 1.5 else 100),
            # The line of 10 px after 1000 px comes in at the foot of the 50 px.
            2: lambda t: 0.24 * scrolled(t, 1.01, 960),
            4: lambda t: 120 if t >= 0.7 else 0,
        },
    )


@pytest.mark.long
def test_images_that_move_show_what_belongs_to_the_time(studio: Studio) -> None:
    def gif(t: float) -> float:
        return 25 * (int(t * 10 + 1e-6) % 10)

    def bitmap(t: float) -> float:
        # It is shown once, and three times more.
        part = t % 0.9 if t < 3.6 else 0.89
        return 50 * sum(part >= end - 1e-6 for end in (0.1, 0.3, 0.6, 0.8))

    def smil(t: float) -> float:
        # Up in 0.5 s from 0.2 s on; 0.1 s later down in 0.3 s, and up again at once.
        part = (t - 0.2) % 0.9
        if t < 0.2 or 0.5 <= part < 0.6:
            return 0
        return 480 * part if part < 0.5 else 800 * (0.9 - part)

    def css(t: float) -> float:
        return 240 * min(max(t - 0.5, 0), 1)

    studio.check(
        "moving-images",
        [0, 1, 5, 7, 14, 15, 16, 22, 25, 29, 30, 33, 45, 59],
        {
            **dict.fromkeys((0, 5, 11), gif),
            **dict.fromkeys((1, 2, 8), bitmap),
            **dict.fromkeys((3, 7, 10), smil),
            **dict.fromkeys((4, 9, 15), css),
            6: lambda t: 255 - css(t),
            12: lambda t: 255 if t < 0.5 else smil(t - 0.5),
            13: lambda t: smil(t) if t < 1 else 100,
            14: lambda t: 120 * t,
            16: lambda t: 100,
            17: css,
        },
        tolerance=3,
    )


def test_view_transitions_follow_the_frames_time(studio: Studio) -> None:
    def left(t: float) -> float:
        if t < 1.3:
            return 300 * min(max(t - 0.2, 0), 0.5)
        return 150 - 300 * min(t - 1.3, 0.5)

    frames = [0, 5, 6, 7, 12, 20, 21, 22, 35, 36, 38, 39, 40, 45, 54, 55]
    pictures = studio.shoot("view-transition", frames)
    found = [left_edge(picture, 60) for picture in pictures]
    assert found == [pytest.approx(left(frame / 30), abs=1.5) for frame in frames]
    levels = [120 if frame >= 21 else 0 for frame in frames]
    assert [picture.level(0) for picture in pictures] == pytest.approx(levels, abs=3)


def test_what_the_browser_draws_itself_moves_with_the_frame(studio: Studio) -> None:
    frames = [0, 5, 6, 7, 15, 20, 21, 30, 35, 36, 45, 59]
    pictures = studio.shoot("controls", frames)
    # A block of a fifth of 160 pixels goes to the end in a second, and back.
    places = [1 + 128 * (1 - abs(1 - frame / 30)) for frame in frames]
    found = [
        next(x for x in range(162) if picture.pixel(x, 11)[0] < 128 < picture.pixel(x, 11)[2])
        for picture in pictures
    ]
    assert found == [pytest.approx(place, abs=1.5) for place in places]
    # It blinks from 0.2 s on: half a second on, half a second off.
    carets = [picture.pixel(0, 48)[1] < 128 for picture in pictures]
    assert carets == [6 <= frame < 21 or (frame >= 36 and frame < 51) for frame in frames]


def test_a_canvas_shows_what_a_worker_draws_for_the_frame(studio: Studio) -> None:
    studio.check("offscreen-canvas", [0, 1, 2, 15, 16, 44, 59], {0: lambda t: 120 * t})


OVER_AT_ONCE = """<!doctype html><style>
body { margin: 0; background: #000 }
p { animation: k 300ms -475ms FILL }
@keyframes k { to { opacity: 1 } }
</style><div id=b></div><script>
addEventListener("animationend", () => {
  document.body.style.background = `rgb(${performance.now() / 4} 0 0)`;
});
setTimeout(() => b.append(document.createElement("p")), 496);
const f = () => { b.style.marginLeft = `${Math.random()}px`; LOOP };
requestAnimationFrame(f);
</script>"""


@pytest.mark.parametrize("fill", ["both", "none"])
@pytest.mark.parametrize("loop", ["", "requestAnimationFrame(f)"], ids=["at rest", "moving"])
@pytest.mark.parametrize("frames", [[14, 15, 16, 20], [16, 20], [20]], ids=str)
def test_the_end_of_an_animation_that_is_over_at_once_is_told_in_its_first_frame(
    studio: Studio, loop: str, frames: list[int], fill: str
) -> None:
    page = OVER_AT_ONCE.replace("LOOP", loop).replace("FILL", fill)
    (studio.root / "over.html").write_text(page)
    pictures = studio.shoot("over.html", frames)
    reds = [picture.pixel(300, 170)[0] for picture in pictures]
    assert reds == [0 if frame < 15 else 125 for frame in frames]


SHRINKING = """<!doctype html><style>
body { margin: 0; background: #000 } div { width: 256px; height: 100px; background: #fff }
</style><div id=b></div><script>
new ResizeObserver(([entry]) => b.style.width = `${entry.contentRect.width - 8}px`).observe(b);
</script>"""


def test_what_an_observer_of_sizes_changes_itself_is_told_once_a_frame(studio: Studio) -> None:
    (studio.root / "shrinking.html").write_text(SHRINKING)

    def widths(*frames: int) -> list[int]:
        pictures = studio.shoot("shrinking.html", list(frames))
        row = range(320)
        return [sum(picture.pixel(x, 50)[0] > 128 for x in row) for picture in pictures]

    drawn = widths(0, 1, 2, 3, 4, 5)
    assert [before - after for before, after in pairwise(drawn)] == [8] * 5
    assert widths(2, 5) == [drawn[2], drawn[5]]
