"""Drawing a page and taking its picture."""

import asyncio
import base64
import json
import math
import time
from fractions import Fraction

from helios.contract.frame_rate import frame_time
from helios.errors import BrowserCrashed
from helios.renderer.browser.chromium import Browser
from helios.renderer.browser.devtools import Params
from helios.renderer.page.options import ImageFormat, PageOptions
from helios.renderer.page.session import PageSession
from helios.renderer.raw_frames import SWITCH_VARIABLE, gives_raw_frames, key_pixels

#: Screenshots that are tried before the browser counts as broken, and by how many seconds the pause
#: before each grows.
_SCREENSHOT_ATTEMPTS = 12
_SCREENSHOT_PAUSE = 0.02


class FrameCapture:
    """Draws one page, by `beginFrame` where the browser offers it.

    Attributes:
        last_image: The picture that was taken last.
        captured: The frame that it is of; None before the first.
        is_quiet: Whether the page likely looks as in the last picture.
        reads_canvas: Whether pictures are read from the page's only canvas.
        gives_raw_frames: Whether pictures can be captured as raw frames.
    """

    def __init__(self, session: PageSession, options: PageOptions, browser: Browser) -> None:
        self._session = session
        self._rate: Fraction = options.rate
        self._reference = options.reference
        self.on_demand = browser.draws_on_demand
        self._base_ticks = 0
        self._draws = 0
        self.is_quiet = False
        self.gives_raw_frames = False
        self._frame_memory = browser.frame_memory
        self.last_image = b""
        self.captured: int | None = None
        exact = options.scale == 1 and not options.transparent
        self.reads_canvas = options.direct and exact and not options.reference

    @property
    def needs_fresh_layout(self) -> bool | None:
        """Whether the next picture is likely a screenshot of a page that has changed.

        None while there has been no picture, and the page may turn out to be one canvas.
        """
        if self.captured is None and self.reads_canvas:
            return None
        return not (self.is_quiet or self.reads_canvas)

    async def check_raw_frames(self) -> None:
        """Find out, in a page that is still empty, whether the browser gives raw frames."""
        if self._frame_memory is not None:
            evaluate = self._session.evaluate
            self.gives_raw_frames = await gives_raw_frames(self._frame_memory, evaluate)

    def start_clock(self) -> None:
        """Count the times of draws from now on, in whole seconds."""
        self._base_ticks = math.ceil(time.monotonic() * 1000) * 1000

    def start_frame(self) -> None:
        """Begin with the draws of another frame."""
        self._draws = 0

    async def draw(self, *, display: bool = True) -> bool:
        """Draw the frame; return whether that changed anything.

        Args:
            display: Without it, the page runs its callbacks and is laid out, and no pixels are
                made.
        """
        answer = await self._begin_frame({"noDisplayUpdates": not display})
        return bool(answer["hasDamage"])

    async def draw_for_nothing(self) -> None:
        """Draw the frame as for a picture, which changes more in the browser than `draw` does."""
        await self._picture(ImageFormat("jpeg", 0), resting=False)
        self.is_quiet = False

    async def capture(self, image: ImageFormat, *, resting: bool, video_moved: bool) -> bytes:
        """Return the picture of the frame that the page stands at.

        Args:
            resting: Whether nothing is under way in the page that would change its next frame.
            video_moved: Whether a video in sight was given another picture: draws don't report that
                as damage.
        """
        if video_moved:
            self.is_quiet = False
        self.last_image = await self._picture(image, resting=resting)
        self.captured = self._session.frame
        return self.last_image

    async def _picture(self, image: ImageFormat, *, resting: bool) -> bytes:
        if not self.on_demand:
            screenshot = {**image.parameters(), "captureBeyondViewport": False}
            answer = await self._session.call("Page.captureScreenshot", screenshot)
            return base64.b64decode(answer["data"])
        if self._reference:
            return await self._screenshot(image)
        was_computed = self.needs_fresh_layout
        data = await self._canvas_picture(image)
        if data is not None:
            return data
        if self.is_quiet and not await self.draw():
            return self.last_image
        if not was_computed:
            await self._session.run("__helios_runtime__.forgetGroups()")
        data = await self._screenshot(image)
        # On a page at rest, a draw that reports no damage will do from here on. That draw costs a
        # millisecond then, but a whole draw on a page that moves.
        self.is_quiet = resting or data == self.last_image
        if self.is_quiet:
            # A screenshot itself counts as damage to the frame after it.
            await self.draw()
        return data

    async def _screenshot(self, image: ImageFormat) -> bytes:
        for attempt in range(_SCREENSHOT_ATTEMPTS):
            self._request_raw(image)
            answer = await self._begin_frame({"screenshot": image.parameters()})
            if data := answer.get("screenshotData"):
                return self._checked(self._received(image, data))
            # On a busy machine the first frame may not have reached the compositor yet.
            await asyncio.sleep(attempt * _SCREENSHOT_PAUSE)
        raise BrowserCrashed(f"the browser gave no picture of frame {self._session.frame}")

    async def _canvas_picture(self, image: ImageFormat) -> bytes | None:
        """Return what a page shows that is one canvas and nothing else; None for all others.

        Once it shows something else, it isn't asked again.
        """
        if not self.reads_canvas:
            return None
        key = key_pixels(self._request_raw(image))
        arguments = (f"image/{image.parameters()['format']}", image.quality / 100, key)
        data = await self._session.evaluate(
            f"__helios_canvas__.picture(...{json.dumps(arguments)})"
        )
        picture = self._received(image, data) if data else None
        self.reads_canvas = picture is not None
        return picture

    # --- raw frames -------------------------------------------------------------------------

    def _request_raw(self, image: ImageFormat) -> bytes:
        """Request the next picture as a raw frame, if that is its format; return the key."""
        if image.name != "i420" or self._frame_memory is None:
            return b""
        return self._frame_memory.request()

    def _received(self, image: ImageFormat, data: str) -> bytes | None:
        """Return the picture that the browser answered in base64; None if it isn't a raw frame."""
        answer = base64.b64decode(data)
        if image.name != "i420":
            return answer
        return None if self._frame_memory is None else self._frame_memory.take(answer)

    def _checked(self, picture: bytes | None) -> bytes:
        if picture is None:
            raise BrowserCrashed(
                f"the browser gave no raw frame {self._session.frame}",
                hint=f"{SWITCH_VARIABLE}=0 renders without raw frames.",
            )
        return picture

    async def _begin_frame(self, params: Params) -> Params:
        # Whole microseconds: each further draw of a frame is one later, for no two may be at the
        # same time.
        since_start = math.ceil(frame_time(self._session.frame or 0, self._rate) * 1_000_000)
        ticks = self._base_ticks + since_start + self._draws
        self._draws += 1
        return await self._session.call(
            "HeadlessExperimental.beginFrame",
            {
                "frameTimeTicks": (ticks + 0.5) / 1000,
                "interval": float(1000 / self._rate),
                **params,
            },
        )
