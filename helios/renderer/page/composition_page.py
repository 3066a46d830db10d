"""A composition's page in a browser, driven frame by frame on virtual time."""

import json
import math
import time

from helios.contract.frame_rate import frame_time
from helios.errors import CompositionFailed, CompositionUnsettled
from helios.renderer.browser.chromium import Browser
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import Composition
from helios.renderer.page.capture import FrameCapture
from helios.renderer.page.closed_roots import add_closed_roots
from helios.renderer.page.loading import PageLoader
from helios.renderer.page.media import PageMedia
from helios.renderer.page.options import ImageFormat, PageOptions
from helios.renderer.page.queries import UNANSWERED, PageQueries
from helios.renderer.page.reports.audio import PageAudio
from helios.renderer.page.reports.page_log import PageLog, PageMessages
from helios.renderer.page.requests import PageRequests
from helios.renderer.page.session import PageSession
from helios.renderer.page.times import PageTimes

#: Limit of rounds of drawing and settling one frame.
_MAX_ROUNDS = 5


class CompositionPage(PageQueries):
    """A page: `visit` moves it to a frame, `capture` takes that frame's picture."""

    def __init__(
        self,
        browser: Browser,
        target: str,
        session: str,
        options: PageOptions,
        log: PageLog | None,
    ) -> None:
        page = PageSession(browser, target, session, options)
        self._messages = PageMessages(page, log)
        requests = PageRequests(page, self._messages, limit=options.settle_timeout)
        super().__init__(page, options, requests=requests, media=PageMedia(page))
        self._capture = FrameCapture(page, options, browser)
        self._loader = PageLoader(
            page, options, messages=self._messages, requests=requests, media=self._media
        )
        #: What the page has played so far.
        self.audio = PageAudio(self._session)
        #: The time that frames take, since that was last asked.
        self.times = PageTimes()
        self._resting = False
        self._still = False
        self._video_moved = False
        #: Frames before this one look as the last picture does.
        self.same_until: float = 0

    @property
    def reads_canvas(self) -> bool:
        """Whether pictures are read from the page's only canvas."""
        return self._capture.reads_canvas

    @property
    def gives_raw_frames(self) -> bool:
        """Whether pictures can be captured as raw frames, known once the page is loaded."""
        return self._capture.gives_raw_frames

    async def load(self, composition: Composition) -> None:
        """Open the composition and wait until it has loaded.

        Raises `CompositionNotFound`, `CompositionFailed`, `CompositionTimedOut`, `AssetMissing`,
        `DialectUnsupported`, or an error for a composition that isn't chosen.
        """
        self._media.root = composition.root
        await self._capture.check_raw_frames()
        await self._loader.load(composition.url)
        self._capture.start_clock()
        await self.visit(0)
        self._session.is_loading = False
        self.times.take()  # frames of the render are still to come
        if self._messages.errors:
            raise CompositionFailed(
                f"{composition.url}: the page threw while it loaded",
                hint="Open the page in a browser and look at its console.",
                details=self._messages.errors,
            )
        await self._check_dialect(composition.url)

    async def moves(self) -> bool:
        """Return whether anything in the page moves without interaction, now or later."""
        return not self._still or await self._next_event() is not None

    async def seek(self, frame: int, *, every_frame: bool) -> None:
        """Move to a later frame, through all frames between or only those with events.

        Due timers, and animations that begin or end, may change the page, so their frames are
        visited in any case; so is the frame before each, whose state a timer's script reads.

        The browser draws layers from what it kept of the frame drawn before. For pages with layers,
        the frame before the requested one is drawn too.
        """
        while self.frame is None or self.frame < frame:
            if self._options.reference and self._capture.captured != self.frame:
                await self.capture(ImageFormat("png"))
            following = await self._following(frame, every_frame=every_frame)
            drawn = not self._capture.on_demand or self._was_drawn(frame - 1)
            if following == frame and not drawn and await self._has_layers():
                if self.frame != frame - 1:
                    following = frame - 1
                else:
                    await self._draw_layers()
            await self.visit(following)

    async def step(self, frame: int, *, every_frame: bool) -> None:
        """Make one step of `seek`, to the next frame that has to be visited."""
        await self.visit(await self._following(frame, every_frame=every_frame))

    async def _following(self, frame: int, *, every_frame: bool) -> int:
        if self.frame is None:
            return 0
        following = self.frame + 1
        if every_frame or self._options.reference or frame <= following:
            return following
        event = await self._next_event()
        if event is None:
            return frame
        return min(max(self._frame_at(event) - 1, following), frame)

    async def visit(self, frame: int) -> None:
        """Move the page to a frame and wait until the frame is ready.

        Raises:
            CompositionUnsettled: The frame wasn't ready in time.
            AssetMissing: A file that the frame requested doesn't exist.
        """
        session, on_demand = self._session, self._capture.on_demand
        session.frame = frame
        self._capture.start_frame()
        clock = float(frame_time(frame, self._options.rate) * 1000)
        await session.stop_clocks()
        await session.run(f"__helios_runtime__.advance({frame}, {clock!r})")
        drawn = "true" if on_demand else "false"
        fresh = json.dumps(self._capture.needs_fresh_layout)
        settle = f"__helios_runtime__.settle({frame}, {clock!r}, {drawn}, {fresh})"
        moved = transitioning = False
        rounds = 0
        deadline = time.monotonic() + self._options.settle_timeout
        while rounds < _MAX_ROUNDS:
            await session.stop_clocks()
            if on_demand:
                await self._capture.draw(display=transitioning)
            answers = [answer or UNANSWERED for answer in await session.run(settle)]
            moved |= any(answer["moved"] for answer in answers)
            # The browser left the page out of a draw, or owes it a video's picture.
            undrawn = any(answer["leftOut"] or answer["picturing"] for answer in answers)
            if undrawn and time.monotonic() < deadline:
                continue
            transitioning = any(answer["transitioning"] for answer in answers)
            if transitioning and time.monotonic() < deadline:
                continue
            await self._check_playable(answers)
            pending = self._note_settled(frame, answers)
            if any(answer["hidden"] for answer in answers):
                await add_closed_roots(self._session)
            elif self._requests.under_way:
                # Responses may cause further requests, which the number of rounds doesn't limit.
                with self.times.measure("waiting"):
                    await self._requests.finished(deadline)
                continue
            elif not pending:
                break
            rounds += 1
        self._video_moved |= moved
        if moved:
            await self._draw_videos()
        session.check_present()
        self.check_missing()

    async def _draw_videos(self) -> None:
        """Draw the pictures that videos were moved to, also where the browser dropped them.

        It drops a picture while the one before waits for a draw, so that is drawn first.
        """
        if self._capture.on_demand:
            await self._capture.draw()
        await self._session.run("__helios_runtime__.handOnPictures()")
        if self._capture.on_demand:
            await self._capture.draw()

    def check_missing(self) -> None:
        """Raise `AssetMissing` if a file that the page requested doesn't exist."""
        if not self._options.allow_missing:
            self._requests.check_missing()

    async def picture(self, frame: int, image: ImageFormat, *, every_frame: bool) -> bytes:
        """Move to a frame and return its picture.

        The page is not queried if nothing can have changed since the last picture.
        """
        if frame < self.same_until:
            return self._capture.last_image
        with self.times.measure("script"):
            await self.seek(frame, every_frame=every_frame)
        with self.times.measure("raster"):
            data = await self.capture(image)
        if self._options.reference:
            return data
        requests = self._requests
        if self._still and not (every_frame or requests.images_may_move or requests.is_live):
            event = await self._next_event()
            self.same_until = math.inf if event is None else self._frame_at(event)
        return data

    async def capture(self, image: ImageFormat) -> bytes:
        """Return the picture of the current frame."""
        video_moved, self._video_moved = self._video_moved, False
        return await self._capture.capture(image, resting=self._resting, video_moved=video_moved)

    def _was_drawn(self, frame: int) -> bool:
        """Return whether the last drawn picture equals a frame, or there is no such frame."""
        captured = self._capture.captured
        return frame < max(0, self.same_until) or (captured is not None and frame <= captured)

    async def _draw_layers(self) -> None:
        """Draw all layers, now and again with the next frame.

        The browser draws only changes, so an invisible change is made.
        """
        await self._session.evaluate("__helios_runtime__.drawLine(true)")
        await self._capture.draw_for_nothing()
        await self._session.evaluate("__helios_runtime__.drawLine(false)")

    def _note_settled(self, frame: int, answers: list[Params]) -> bool:
        """Check that a frame is ready; return whether an animation waits to be drawn."""
        kinds = ("waiting", "picturing")
        waiting = [name for answer in answers for kind in kinds for name in answer[kind]]
        if waiting:
            raise CompositionUnsettled(
                f"frame {frame} wasn't ready within {self._options.settle_timeout:g} s",
                hint="Something in the page never finishes loading or never resolves.",
                details=[f"waiting for {name}" for name in waiting],
            )
        for answer in answers:
            for url in answer["unplayable"]:
                self._requests.note_missing(url, "can't be played")
        self._resting = all(answer["resting"] for answer in answers)
        self._still = all(answer["still"] for answer in answers)
        return any(answer["pending"] for answer in answers)
