"""A page looks the same whichever step of its loading and drawing is held up."""

import asyncio
from collections.abc import Callable

import pytest

from helios.renderer.browser.devtools import DevTools, Params
from helios.renderer.page.capture import FrameCapture
from helios.renderer.page.composition_page import CompositionPage
from helios.renderer.page.times import PageTimes
from tests.sampling import every_nth

from .conftest import Studio
from .test_page import ramp

pytestmark = pytest.mark.browser

#: Frames of a chunk in the middle: those around the timer at 130 ms are visited on the way.
LOOK = (0, 4, 5, 20, 21, 45)
EXPECTED: dict[int, Callable[[float], float]] = {
    0: ramp(2, delay=0.3),
    1: ramp(2),
    2: ramp(1, delay=4 / 30),
    3: ramp(2),
    4: ramp(1),
    5: ramp(2),
}
#: Seconds that a message is held up, and how many of its kind at most.
DELAY = 0.12
MOST_HELD_UP = 12
#: What a page is loaded and brought to a frame by.
STEPS = (
    "Animation.enable",
    "Animation.setPlaybackRate",
    "DOM.disable",
    "DOM.getDocument",
    "Emulation.setDeviceMetricsOverride",
    "Emulation.setLocaleOverride",
    "Emulation.setTimezoneOverride",
    "Emulation.setUserAgentOverride",
    "HeadlessExperimental.beginFrame",
    "Network.enable",
    "Page.addScriptToEvaluateOnNewDocument",
    "Page.enable",
    "Page.navigate",
    "Runtime.addBinding",
    "Runtime.enable",
    "Runtime.evaluate",
    "Target.attachToTarget",
    "Target.createTarget",
    "Target.setAutoAttach",
    "Target.setDiscoverTargets",
)
#: What the browser tells of by itself meanwhile.
EVENTS = (
    "Network.loadingFinished",
    "Network.requestWillBeSent",
    "Network.responseReceived",
    "Page.loadEventFired",
    "Runtime.executionContextCreated",
    "Runtime.executionContextsCleared",
)


def test_the_steps_are_all_calls_that_are_made(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.run(studio.browser())
    send = DevTools.send
    made = set()

    async def noting_send(
        devtools: DevTools, method: str, params: Params | None = None, session: str = ""
    ) -> Params:
        made.add(method)
        return await send(devtools, method, params, session)

    monkeypatch.setattr(DevTools, "send", noting_send)

    studio.check("from-load", LOOK, EXPECTED)

    assert made == set(STEPS)


@every_nth(3)
@pytest.mark.parametrize("step", STEPS)
def test_a_call_to_the_browser_that_is_held_up_changes_no_frame(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    send = DevTools.send
    held_up = 0

    async def slow_send(
        devtools: DevTools, method: str, params: Params | None = None, session: str = ""
    ) -> Params:
        nonlocal held_up
        if method == step and held_up < MOST_HELD_UP:
            held_up += 1
            await asyncio.sleep(DELAY)
        return await send(devtools, method, params, session)

    monkeypatch.setattr(DevTools, "send", slow_send)

    studio.check("from-load", LOOK, EXPECTED)

    assert held_up


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_of_the_browser_that_is_held_up_changes_no_frame(
    studio: Studio, event: str
) -> None:
    devtools = studio.run(studio.browser()).devtools
    held_up = 0

    def delay(method: str) -> float:
        nonlocal held_up
        held_up += method == event
        return DELAY if method == event and held_up <= MOST_HELD_UP else 0

    devtools.hold_back(delay)
    try:
        studio.check("from-load", LOOK, EXPECTED)
    finally:
        devtools.hold_back(lambda _: 0)

    assert held_up


def test_the_time_of_loading_is_not_counted_as_that_of_a_frame(studio: Studio) -> None:
    page = "<script>requestAnimationFrame(() => fetch('assets/orange.png'))</script>"
    (studio.root / "asks.html").write_text(page)

    async def times_of_load() -> PageTimes:
        async with studio.page("asks.html") as loaded:
            return loaded.times

    devtools = studio.run(studio.browser()).devtools
    devtools.hold_back(lambda event: DELAY if event == "Network.loadingFinished" else 0)
    try:
        assert studio.run(times_of_load()) == PageTimes()
    finally:
        devtools.hold_back(lambda _: 0)


def leave_out(monkeypatch: pytest.MonkeyPatch, lost: int, *, frame: int) -> None:
    """Leave out the first draws from a frame on."""
    draw = FrameCapture.draw
    visit = CompositionPage.visit
    shown = left_out = 0

    async def noting_visit(page: CompositionPage, frame: int) -> None:
        nonlocal shown
        shown = frame
        await visit(page, frame)

    async def lossy_draw(capture: FrameCapture, *, display: bool = True) -> bool:
        nonlocal left_out
        if shown >= frame and left_out < lost:
            left_out += 1
            return False
        return await draw(capture, display=display)

    monkeypatch.setattr(CompositionPage, "visit", noting_visit)
    monkeypatch.setattr(FrameCapture, "draw", lossy_draw)


@pytest.mark.parametrize("lost", [1, 2, 5, 9])
def test_draws_that_the_browser_leaves_out_change_no_frame(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    leave_out(monkeypatch, lost, frame=0)
    studio.check("from-load", LOOK, EXPECTED)


def test_events_of_a_frame_whose_draws_are_left_out_come_in_that_frame(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out(monkeypatch, 9, frame=15)
    # The listener of an animation that ends at frame 15 makes it twice as long.
    studio.check("shadow", (17, 20), {0: ramp(1)})
