"""A page looks the same whichever step of its loading and drawing is held up."""

import asyncio
from collections.abc import Callable

import pytest

from helios.renderer.browser.devtools import DevTools, Params
from helios.renderer.page.capture import FrameCapture

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
#: Seconds that a call is held up.
DELAY = 0.12
STEPS = (
    "Animation.enable",
    "Animation.setPlaybackRate",
    "DOM.getDocument",
    "HeadlessExperimental.beginFrame",
    "Page.addScriptToEvaluateOnNewDocument",
    "Page.navigate",
    "Runtime.evaluate",
)


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
        if method == step and held_up < 12:
            held_up += 1
            await asyncio.sleep(DELAY)
        return await send(devtools, method, params, session)

    monkeypatch.setattr(DevTools, "send", slow_send)

    studio.check("from-load", LOOK, EXPECTED)

    assert held_up


@pytest.mark.parametrize("lost", [1, 2, 5, 9])
def test_draws_that_the_browser_leaves_out_change_no_frame(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    draw = FrameCapture.draw
    left_out = 0

    async def lossy_draw(capture: FrameCapture, *, display: bool = True) -> bool:
        nonlocal left_out
        if left_out < lost:
            left_out += 1
            return False
        return await draw(capture, display=display)

    monkeypatch.setattr(FrameCapture, "draw", lossy_draw)

    studio.check("from-load", LOOK, EXPECTED)

    assert left_out == lost
