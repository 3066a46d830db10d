"""A composition's page in a browser, driven frame by frame on virtual time."""

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction

from helios.contract.frame_rate import frame_time
from helios.contract.render_warning import RenderWarning
from helios.errors import (
    BrowserCrashed,
    CompositionFailed,
    CompositionNotFound,
    CompositionTimedOut,
    CompositionUnsettled,
    OptionInvalid,
)
from helios.renderer.browser import Browser
from helios.renderer.composition import Composition
from helios.renderer.devtools import Params
from helios.renderer.page.blobs import read_blob
from helios.renderer.page.capture import FrameCapture
from helios.renderer.page.media import PageMedia
from helios.renderer.page.options import Declared, ImageFormat, PageOptions
from helios.renderer.page.page_log import PageLog, PageMessages
from helios.renderer.page.requests import NETWORK_BINDING, PageRequests
from helios.renderer.page.scripts import page_scripts
from helios.renderer.page.session import PageSession
from helios.renderer.page.support import check_dialect, warnings_of
from helios.renderer.page.workers import PageWorkers

#: Draws after which a video's new picture has reached the page's: it takes a way of its own.
_VIDEO_DRAWS = 2
#: Times that a frame is drawn and settled again for what came late.
_MAX_ROUNDS = 5

#: What stands for the answer of a document that went away while it was asked.
_UNANSWERED: Params = {
    "waiting": [],
    "picturing": [],
    "unplayable": [],
    "moved": False,
    "pending": True,
    "hidden": False,
    "transitioning": False,
    "resting": False,
    "still": False,
}
_PAGE_CRASHED = "the page's process crashed"
#: The browser accepts any name, and keeps to the machine's own for those that it doesn't know.
_UNKNOWN_REGION = """(timeZone, locale) => {
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    return `timezone ${timeZone}`;
  }
  try {
    return Intl.DateTimeFormat.supportedLocalesOf([locale]).length ? "" : `locale ${locale}`;
  } catch {
    return `locale ${locale}`;
  }
}"""


class CompositionPage:
    """One page; `visit` moves it to a frame, `capture` takes that frame's picture."""

    def __init__(
        self,
        browser: Browser,
        target: str,
        session: str,
        options: PageOptions,
        log: PageLog | None,
    ) -> None:
        self._options = options
        self._session = PageSession(browser, target, session, options)
        self._messages = PageMessages(self._session, log)
        self._requests = PageRequests(self._session, self._messages, limit=options.settle_timeout)
        self._media = PageMedia(self._session)
        self._capture = FrameCapture(self._session, options, on_demand=browser.draws_on_demand)
        self._workers = PageWorkers(self._session, options)
        self._loaded = asyncio.Event()
        self._resting = False
        self._still = False
        self._video_moved = False
        #: Frames before this one look as the last picture does.
        self.same_until: float = 0

    @property
    def frame(self) -> int | None:
        """The frame that the page stands at; None before the first."""
        return self._session.frame

    @property
    def reads_canvas(self) -> bool:
        """Whether pictures are read from the page's only canvas."""
        return self._capture.reads_canvas

    # --- loading ----------------------------------------------------------------------------

    async def load(self, composition: Composition) -> None:
        """Open the composition and wait until it has loaded.

        Raises
        ------
        CompositionNotFound, CompositionFailed, CompositionTimedOut, AssetMissing,
        DialectUnsupported
        """
        self._media.root = composition.root
        await self._prepare()
        try:
            async with asyncio.timeout(self._options.load_timeout):
                await self._navigate(composition.url)
                await self._until_open(self._loaded)
        except TimeoutError:
            raise CompositionTimedOut(
                f"{composition.url}: `load` didn't fire within {self._options.load_timeout:g} s",
                hint="A request that never ends or a script that never returns holds it up.",
                details=[f"still loading: {url}" for url in self._requests.under_way[:10]],
            ) from None
        await self._requests.finished()
        await self._find_closed_roots()
        self._capture.start_clock()
        await self.visit(0)
        self._session.is_loading = False
        if self._messages.errors:
            raise CompositionFailed(
                f"{composition.url}: the page threw while it loaded",
                hint="Open the page in a browser and look at its console.",
                details=self._messages.errors,
            )
        said = await self._session.evaluate("__helios_runtime__.support()")
        check_dialect(composition.url, said["unhonoured"])

    async def moves(self) -> bool:
        """Tell whether anything in the page moves by itself, now or later."""
        return not self._still or await self._next_event() is not None

    async def warnings(self) -> list[RenderWarning]:
        """Return what the page asked for so far that can't be rendered right."""
        answers = await self._session.evaluate_all("__helios_runtime__.support()")
        return warnings_of(answers, self._requests.data_hosts)

    async def declared(self) -> Declared:
        """Return what the page says of its length and of how it is to be rendered."""
        said = await self._session.evaluate("__helios_runtime__.declared()")
        return Declared(said["duration"], said["longestAnimation"], said["replay"])

    async def sounds(self, *, final: bool = False) -> list[Params]:
        """Return what the page is heard playing, as far as it has been driven.

        Parameters
        ----------
        final:
            The page has been driven to its end. Only then there is what Web Audio has rendered.
        """
        expression = f"__helios_runtime__.sounds({json.dumps(final)})"
        answers = await self._session.evaluate_all(expression)
        return [sound for sounds in answers for sound in sounds]

    async def can_sound(self) -> bool:
        """Tell whether the page has had anything that can sound."""
        return any([state["canSound"] for state in await self._sound_states()])

    async def moves_by_frame(self) -> bool:
        """Tell whether scripts of the page run in each frame, which may change its sound."""
        return any([state["moves"] for state in await self._sound_states()])

    async def renders_audio(self) -> bool:
        """Tell whether the page has connected something to an AudioContext's output."""
        return any([state["renders"] for state in await self._sound_states()])

    async def blob(self, address: str) -> bytes | None:
        """Return what a `blob:` address that a media element has played stands for.

        None if it isn't a Blob, such as a MediaSource, or none that this page has made.
        """
        for context in await self._session.contexts():
            content = await read_blob(self._session, address, context)
            if content is not None:
                return content
        return None

    # --- frames -----------------------------------------------------------------------------

    async def seek(self, frame: int, *, every_frame: bool) -> None:
        """Move on to a frame, by all frames between or only by those where something happens.

        A timer that is due or an animation that begins or ends may change the page's course, so
        those frames are visited in any case; so is the frame before each, for that is what a
        timer's script sees when it asks how the page looks.

        The browser draws a layer by what it kept of the frame drawn before. Where there are layers,
        that is the frame before the last one here.
        """
        while self.frame is None or self.frame < frame:
            if self._options.reference and self._capture.captured != self.frame:
                await self.capture(ImageFormat("png"))
            following = await self._following(frame, every_frame=every_frame)
            if following == frame and not self._was_drawn(frame - 1) and await self._has_layers():
                if self.frame != frame - 1:
                    following = frame - 1
                else:
                    await self._draw_layers()
            await self.visit(following)

    async def step(self, frame: int, *, every_frame: bool) -> None:
        """Make one step of `seek`: to the next frame that has to be visited on the way."""
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
        """Bring the page to a frame and wait until all that the frame shows is ready.

        Raises
        ------
        CompositionUnsettled
            Something that the frame needs never came.
        AssetMissing
            A file that the frame asked for isn't there.
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
            answers = [answer or _UNANSWERED for answer in await session.run(settle)]
            moved |= any(answer["moved"] for answer in answers)
            if any(answer["picturing"] for answer in answers) and time.monotonic() < deadline:
                continue
            transitioning = any(answer["transitioning"] for answer in answers)
            if transitioning and time.monotonic() < deadline:
                continue
            await self._check_playable(answers)
            pending = self._note_settled(frame, answers)
            if any(answer["hidden"] for answer in answers):
                await self._find_closed_roots()
            elif self._requests.under_way:
                # What has come may ask for more: that doesn't end by a number of rounds.
                await self._requests.finished(deadline)
                continue
            elif not pending:
                break
            rounds += 1
        self._video_moved |= moved
        if moved and on_demand:
            for _ in range(_VIDEO_DRAWS):
                await self._capture.draw()
        session.check_present()
        self.check_missing()

    def check_missing(self) -> None:
        """Raise if a file that the page asked for isn't there.

        Raises
        ------
        AssetMissing
        """
        if not self._options.allow_missing:
            self._requests.check_missing()

    async def picture(self, frame: int, image: ImageFormat, *, every_frame: bool) -> bytes:
        """Move on to a frame and return its picture.

        Where nothing can have changed since the last picture, the page isn't even asked.
        """
        if frame < self.same_until:
            return self._capture.last_image
        await self.seek(frame, every_frame=every_frame)
        data = await self.capture(image)
        if self._options.reference:
            return data
        requests = self._requests
        if self._still and not (every_frame or requests.images_may_move or requests.is_live):
            event = await self._next_event()
            self.same_until = math.inf if event is None else self._frame_at(event)
        return data

    async def capture(self, image: ImageFormat) -> bytes:
        """Return the picture of the frame that the page stands at."""
        video_moved, self._video_moved = self._video_moved, False
        return await self._capture.capture(image, resting=self._resting, video_moved=video_moved)

    # --- inside -----------------------------------------------------------------------------

    async def _prepare(self) -> None:
        options, session = self._options, self._session
        call = session.call
        session.on("Page.loadEventFired", lambda _: self._loaded.set())
        session.devtools.on("Target.targetCrashed", self._on_crash)
        for part in (session, self._messages, self._requests):
            part.listen()
        await asyncio.gather(
            call("Page.enable"),
            call("Runtime.enable"),
            call("Network.enable"),
            call("Runtime.addBinding", {"name": NETWORK_BINDING}),
            self._media.listen(),
            session.devtools.send("Target.setDiscoverTargets", {"discover": True}),
            # While this domain is enabled, every new document gets its rate before it is styled.
            self._workers.listen(),
            call("Animation.enable"),
            call("Animation.setPlaybackRate", {"playbackRate": 0}),
            call(
                "Emulation.setDeviceMetricsOverride",
                {
                    "width": options.width,
                    "height": options.height,
                    "deviceScaleFactor": options.scale,
                    "mobile": False,
                },
            ),
            *(
                call("Page.addScriptToEvaluateOnNewDocument", {"source": source})
                for source in page_scripts(options)
            ),
        )
        await self._set_region()
        if options.transparent:
            ground = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
            await call("Emulation.setDefaultBackgroundColorOverride", ground)

    async def _set_region(self) -> None:
        """Show the page in its own time zone and language, whatever the machine's are.

        Raises
        ------
        OptionInvalid
            The browser doesn't know them.
        """
        options, session = self._options, self._session
        names = json.dumps([options.time_zone, options.locale])
        unknown = await session.evaluate(f"({_UNKNOWN_REGION})(...{names})")
        if unknown:
            raise OptionInvalid(f"{unknown}: the browser doesn't know it")
        await asyncio.gather(
            session.call("Emulation.setTimezoneOverride", {"timezoneId": options.time_zone}),
            session.call("Emulation.setLocaleOverride", {"locale": options.locale}),
            # The browser's own name stays.
            session.call(
                "Emulation.setUserAgentOverride",
                {"userAgent": "", "acceptLanguage": options.locale},
            ),
        )

    async def _navigate(self, url: str) -> None:
        answer = await self._session.call("Page.navigate", {"url": url})
        reason = answer.get("errorText") or self._requests.refused
        if reason:
            raise CompositionNotFound(
                f"{url}: the browser can't open it ({reason})",
                hint="Check the address, and whether this machine reaches it.",
            )

    async def _until_open(self, event: asyncio.Event) -> None:
        """Wait for an event of the page; a browser that ends meanwhile ends the waiting."""
        closed = self._session.devtools.closed
        tasks = [asyncio.ensure_future(e.wait()) for e in (event, closed)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if not event.is_set():
            raise BrowserCrashed("the browser ended while the page loaded")

    async def _find_closed_roots(self) -> None:
        """Show the page's script the shadow trees that are closed to it.

        Those that markup declares, and those in which the browser animates an element. The script
        can't find them by itself, and it moves the animations inside.
        """
        call = self._session.call
        document = await call("DOM.getDocument", {"depth": -1, "pierce": True})
        for node in _closed_roots(document["root"]):
            answer = await call("DOM.resolveNode", {"backendNodeId": node})
            await call(
                "Runtime.callFunctionOn",
                {
                    "objectId": answer["object"]["objectId"],
                    "functionDeclaration": "function() { window.__helios_runtime__.addRoot(this) }",
                },
            )
        await call("DOM.disable")

    def _was_drawn(self, frame: int) -> bool:
        """Tell whether what was drawn last looks as a frame does, or there is no such frame."""
        captured = self._capture.captured
        return frame < max(0, self.same_until) or (captured is not None and frame <= captured)

    async def _has_layers(self) -> bool:
        """Tell whether the page may draw something in a layer of its own."""
        return self._capture.on_demand and any(
            await self._session.evaluate_all("__helios_runtime__.hasLayers()")
        )

    async def _draw_layers(self) -> None:
        """Draw all layers, now and again with the next frame.

        The browser doesn't draw where nothing changes, so something does that can't be seen.
        """
        await self._session.evaluate("__helios_runtime__.drawLine(true)")
        await self._capture.draw_for_nothing()
        await self._session.evaluate("__helios_runtime__.drawLine(false)")

    async def _sound_states(self) -> list[Params]:
        return await self._session.evaluate_all("__helios_runtime__.soundState()")

    async def _next_event(self) -> float | None:
        """Return the time, in milliseconds, of the next event that may change the page's course."""
        times = await self._session.evaluate_all("__helios_runtime__.nextEvent()")
        return min((time for time in times if time is not None), default=None)

    def _frame_at(self, clock: float) -> int:
        """Return the first frame that shows what happens at a time in milliseconds."""
        return math.ceil(Fraction(clock) * self._options.rate / 1000 - Fraction(1, 1000))

    async def _check_playable(self, answers: list[Params]) -> None:
        if self._options.allow_missing:
            return
        for address in {url for answer in answers for url in answer["unplayable"]}:
            await self._media.check_playable(address)

    def _note_settled(self, frame: int, answers: list[Params]) -> bool:
        """Check that a frame is ready; return whether an animation waits for being drawn."""
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

    def _on_crash(self, event: Params) -> None:
        if event["targetId"] != self._session.main_frame:
            return
        # Only a system short of memory kills it.
        why = "the page's process was killed" if event["status"] == "killed" else _PAGE_CRASHED
        self._messages.write("error", why)
        self._session.devtools.close(why)


@contextlib.asynccontextmanager
async def open_page(
    browser: Browser, options: PageOptions, log: PageLog | None = None
) -> AsyncIterator[CompositionPage]:
    """Open an empty page of the given size."""
    devtools = browser.devtools
    params: Params = {"url": "about:blank", "width": options.width, "height": options.height}
    if browser.draws_on_demand:
        # The window around the page is never shown. The smaller it is, the less it costs to draw;
        # the page has its own size by `setDeviceMetricsOverride`.
        params |= {"enableBeginFrameControl": True, "width": 16, "height": 16}
    target = await devtools.send("Target.createTarget", params)
    attached = await devtools.send(
        "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
    )
    try:
        yield CompositionPage(browser, target["targetId"], attached["sessionId"], options, log)
    finally:
        # Not waited for: a page that hangs wouldn't answer.
        closing = devtools.start("Target.closeTarget", {"targetId": target["targetId"]})
        closing.add_done_callback(lambda future: future.cancelled() or future.exception())


def _closed_roots(node: Params) -> Iterator[int]:
    for root in node.get("shadowRoots", ()):
        kind = root.get("shadowRootType")
        if kind == "closed" or (kind == "user-agent" and node["localName"] == "marquee"):
            yield root["backendNodeId"]
        yield from _closed_roots(root)
    for child in node.get("children", ()):
        yield from _closed_roots(child)
