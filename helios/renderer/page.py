"""A composition's page in a browser, driven frame by frame on virtual time."""

import asyncio
import base64
import contextlib
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import resources
from typing import Any

from helios.errors import (
    AssetMissing,
    BrowserCrashed,
    CompositionFailed,
    CompositionNotFound,
    CompositionTimedOut,
    CompositionUnsettled,
    HeliosError,
)
from helios.frame_rate import frame_time
from helios.renderer.browser import Browser
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.devtools import Params, ProtocolError

#: Milliseconds since 1970 that the page's Date shows at frame 0: 2024-01-01T00:00:00Z.
EPOCH_MS = 1_704_067_200_000
#: Seconds that a page gets to fire `load`.
LOAD_TIMEOUT = 30.0
#: Seconds that a frame gets to become ready.
SETTLE_TIMEOUT = 30.0
#: Seconds beyond the page's own limits after which a browser that doesn't answer counts as hung.
ANSWER_TIMEOUT = 5.0
#: Draws after which a video's new picture has reached the page's: it takes a way of its own.
_VIDEO_DRAWS = 2
#: Draws in which a video is waited for that doesn't tell of a new picture.
_MOST_VIDEO_DRAWS = 20
#: Times that a frame is drawn and settled again for what came late.
_MAX_ROUNDS = 5

#: What stands for the answer of a document that went away while it was asked.
_UNANSWERED: Params = {
    "waiting": [],
    "unplayable": [],
    "moved": False,
    "pending": True,
    "resting": False,
    "still": False,
}

PageLog = Callable[[int | None, str, str], None]
"""Called with frame (None while loading), level and text of what the page logged or threw."""


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What determines a page's pixels besides its files.

    Attributes
    ----------
    width, height:
        Size of the viewport in CSS pixels.
    rate:
        Frames per second.
    scale:
        Device pixels per CSS pixel.
    transparent:
        Keep the page's own transparency instead of a white ground.
    seed:
        What `Math.random` starts from.
    props:
        The object that arrives in `window.__HELIOS_PROPS__`.
    allow_missing:
        Go on when a file that the page asks for isn't there.
    direct:
        Read the pixels of a page that is one 2D canvas from there, without a screenshot.
    """

    width: int
    height: int
    rate: Fraction
    scale: float = 1.0
    transparent: bool = False
    seed: int = 0
    props: Mapping[str, Any] = field(default_factory=dict)
    allow_missing: bool = False
    direct: bool = True
    load_timeout: float = LOAD_TIMEOUT
    settle_timeout: float = SETTLE_TIMEOUT


@dataclass(frozen=True)
class ImageFormat:
    """How a frame leaves the browser.

    Attributes
    ----------
    name:
        `jpeg` or `png`.
    quality:
        JPEG quality, 0 to 100.
    """

    name: str
    quality: int = 90

    def parameters(self) -> Params:
        """Return the protocol's parameters for a screenshot."""
        if self.name == "jpeg":
            return {"format": "jpeg", "quality": self.quality}
        return {"format": "png", "optimizeForSpeed": True}


@dataclass(frozen=True)
class Declared:
    """What a page says of itself: seconds or None, and whether it needs every frame before."""

    duration: float | None
    longest_animation: float | None
    replay: bool


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
        self._devtools = browser.devtools
        self._on_demand = browser.draws_on_demand
        self._session = session
        self._options = options
        self._log = log
        self._loading = True
        self._loaded = asyncio.Event()
        self._frame: int | None = None
        self._base_ticks = 0
        self._draws = 0
        self._errors: list[str] = []
        self._requests: dict[str, str] = {}
        self._endless: dict[str, str] = {}
        self._workers: dict[str, str] = {}
        self._refused = ""
        self._missing: list[str] = []
        self._foreign: dict[int, bool | None] = {}
        self._main_frame = target  # a page's target and its outermost frame share one id
        self._left = False  # the page went elsewhere, or began anew
        self._unstopped = True  # there is a document whose animation clock may run
        self._resting = False
        self._still = False
        self._images_move = False
        #: Frames before this one look as the last picture does.
        self.same_until: float = 0
        self._quiet = False
        #: Whether pictures are read from the page's only canvas.
        self.reads_canvas = options.direct and options.scale == 1 and not options.transparent
        self._last_image = b""

    @property
    def frame(self) -> int | None:
        """The frame that the page stands at; None before the first."""
        return self._frame

    # --- loading ----------------------------------------------------------------------------

    async def load(self, composition: Composition) -> None:
        """Open the composition and wait until it has loaded.

        Raises
        ------
        CompositionNotFound, CompositionFailed, CompositionTimedOut, AssetMissing
        """
        await self._prepare()
        try:
            async with asyncio.timeout(self._options.load_timeout):
                await self._navigate(composition.url)
                await self._until_open(self._loaded)
        except TimeoutError:
            raise CompositionTimedOut(
                f"{composition.url}: `load` didn't fire within {self._options.load_timeout:g} s",
                hint="A request that never ends or a script that never returns holds it up.",
                details=[f"still loading: {url}" for url in sorted(self._requests.values())[:10]],
            ) from None
        await self._requests_done()
        await self._find_closed_roots()
        self._base_ticks = math.ceil(time.monotonic() * 1000) * 1000
        await self.visit(0)
        self._loading = False
        if self._errors:
            raise CompositionFailed(
                f"{composition.url}: the page threw while it loaded",
                hint="Open the page in a browser and look at its console.",
                details=self._errors,
            )

    async def declared(self) -> Declared:
        """Return what the page says of its length and of how it is to be rendered."""
        said = await self._evaluate("__helios_runtime__.declared()")
        return Declared(said["duration"], said["longestAnimation"], said["replay"])

    async def sounds(self) -> list[Params]:
        """Return the sound of every media element, as far as the page has been driven."""
        sounds: list[Params] = []
        for context in await self._contexts():
            sounds += await self._evaluate("__helios_runtime__.sounds()", context)
        return sounds

    # --- frames -----------------------------------------------------------------------------

    async def seek(self, frame: int, *, every_frame: bool) -> None:
        """Move on to a frame, by all frames between or only by those where something happens.

        A timer that is due or an animation that begins or ends may change the page's course, so
        those frames are visited in any case; so is the frame before each, for that is what a
        timer's script sees when it asks how the page looks.
        """
        while self._frame is None or self._frame < frame:
            await self.step(frame, every_frame=every_frame)

    async def step(self, frame: int, *, every_frame: bool) -> None:
        """Make one step of `seek`: to the next frame that has to be visited on the way."""
        if self._frame is None:
            await self.visit(0)
            return
        following = self._frame + 1
        if every_frame or frame <= following:
            await self.visit(following)
            return
        event = await self._next_event()
        if event is None:
            await self.visit(frame)
            return
        await self.visit(min(max(self._frame_at(event) - 1, following), frame))

    def _frame_at(self, clock: float) -> int:
        """Return the first frame that shows what happens at a time in milliseconds."""
        return math.ceil(Fraction(clock) * self._options.rate / 1000 - Fraction(1, 1000))

    async def visit(self, frame: int) -> None:
        """Bring the page to a frame and wait until all that the frame shows is ready.

        Raises
        ------
        CompositionUnsettled
            Something that the frame needs never came.
        AssetMissing
            A file that the frame asked for isn't there.
        """
        self._frame, self._draws = frame, 0
        clock = float(frame_time(frame, self._options.rate) * 1000)
        await self._stop_clocks()
        for context in await self._contexts():
            await self._run(f"__helios_runtime__.advance({frame}, {clock!r})", context)
        drawn = "true" if self._on_demand else "false"
        settle = f"__helios_runtime__.settle({frame}, {clock!r}, {drawn})"
        moved = False
        for _ in range(_MAX_ROUNDS):
            await self._stop_clocks()
            if self._on_demand:
                await self._draw(no_display=True)
            answers = [await self._run(settle, context) for context in await self._contexts()]
            moved |= any(answer["moved"] for answer in answers)
            if not self._note_settled(frame, answers) and not self._requests:
                break
            await self._requests_done()
        if moved and self._on_demand:
            await self._until_pictured()
            for _ in range(_VIDEO_DRAWS - 1):
                await self._draw()
        if self._left:
            raise self._departure()
        self.check_missing()

    async def _until_pictured(self) -> None:
        """Draw until all videos have handed on the pictures that they were moved to.

        That a video has been moved doesn't mean that yet; one that shows the same picture as before
        never tells.
        """
        for _ in range(_MOST_VIDEO_DRAWS):
            await self._draw()
            pictured = "__helios_runtime__.pictured()"
            if all([await self._evaluate(pictured, c) for c in await self._contexts()]):
                return

    def check_missing(self) -> None:
        """Raise if a file that the page asked for isn't there.

        Raises
        ------
        AssetMissing
        """
        if self._missing and not self._options.allow_missing:
            raise AssetMissing(
                f"{len(self._missing)} file(s) that the page asks for can't be loaded",
                hint="Put them into the composition's folder, or go on without: --allow-missing.",
                details=self._missing,
            )

    async def picture(self, frame: int, image: ImageFormat, *, every_frame: bool) -> bytes:
        """Move on to a frame and return its picture.

        Where nothing can have changed since the last picture, the page isn't even asked.
        """
        if frame < self.same_until:
            return self._last_image
        await self.seek(frame, every_frame=every_frame)
        data = await self.capture(image)
        if self._still and not every_frame and not self._images_move:
            event = await self._next_event()
            self.same_until = math.inf if event is None else self._frame_at(event)
        return data

    async def capture(self, image: ImageFormat) -> bytes:
        """Return the picture of the frame that the page stands at."""
        if not self._on_demand:
            answer = await self._call("Page.captureScreenshot", self._screenshot(image))
            self._last_image = base64.b64decode(answer["data"])
            return self._last_image
        data = await self._canvas_picture(image)
        if data is not None:
            self._last_image = data
            return data
        if self._quiet and not await self._draw():
            return self._last_image
        data = await self._draw_picture(image)
        # On a page at rest, a draw that reports no damage will do from here on. That draw costs a
        # millisecond then, but a whole draw on a page that moves.
        self._quiet = self._resting or data == self._last_image
        if self._quiet:
            # A screenshot itself counts as damage to the frame after it.
            await self._draw()
        self._last_image = data
        return data

    # --- inside -----------------------------------------------------------------------------

    async def _prepare(self) -> None:
        options, call = self._options, self._call
        for method, handler in (
            ("Page.loadEventFired", lambda _: self._loaded.set()),
            ("Runtime.executionContextCreated", self._on_context),
            ("Runtime.executionContextDestroyed", self._on_context_gone),
            ("Runtime.executionContextsCleared", lambda _: self._foreign.clear()),
            ("Runtime.exceptionThrown", self._on_exception),
            ("Runtime.consoleAPICalled", self._on_console),
            ("Network.requestWillBeSent", self._on_request),
            ("Network.responseReceived", self._on_response),
            ("Network.responseReceivedExtraInfo", self._on_status),
            ("Network.loadingFinished", self._on_finished),
            ("Network.loadingFailed", self._on_failed),
        ):
            self._devtools.on(method, handler, self._session)
        self._devtools.on("Target.targetCreated", self._on_target)
        self._devtools.on("Target.targetCrashed", self._on_crash)
        source = _runtime_source(options)
        await asyncio.gather(
            call("Page.enable"),
            call("Runtime.enable"),
            call("Network.enable"),
            self._devtools.send("Target.setDiscoverTargets", {"discover": True}),
            # While this domain is enabled, every new document gets its rate before it is styled.
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
            call("Page.addScriptToEvaluateOnNewDocument", {"source": source}),
            call("Page.addScriptToEvaluateOnNewDocument", {"source": _script("canvas.js")}),
        )
        if options.transparent:
            ground = {"color": {"r": 0, "g": 0, "b": 0, "a": 0}}
            await call("Emulation.setDefaultBackgroundColorOverride", ground)

    async def _navigate(self, url: str) -> None:
        answer = await self._call("Page.navigate", {"url": url})
        reason = answer.get("errorText") or self._refused
        if reason:
            raise CompositionNotFound(
                f"{url}: the browser can't open it ({reason})",
                hint="Check the address, and whether this machine reaches it.",
            )

    async def _until_open(self, event: asyncio.Event) -> None:
        """Wait for an event of the page; a browser that ends meanwhile ends the waiting."""
        tasks = [asyncio.ensure_future(e.wait()) for e in (event, self._devtools.closed)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if not event.is_set():
            raise BrowserCrashed("the browser ended while the page loaded")

    async def _find_closed_roots(self) -> None:
        """Show the page's script the closed shadow trees that its markup declares.

        No script can find them by itself, and it moves the animations inside.
        """
        document = await self._call("DOM.getDocument", {"depth": -1, "pierce": True})
        for node in _closed_roots(document["root"]):
            answer = await self._call("DOM.resolveNode", {"backendNodeId": node})
            await self._call(
                "Runtime.callFunctionOn",
                {
                    "objectId": answer["object"]["objectId"],
                    "functionDeclaration": "function() { window.__helios_runtime__.addRoot(this) }",
                },
            )
        await self._call("DOM.disable")

    async def _next_event(self) -> float | None:
        """Return the time, in milliseconds, of the next event that may change the page's course."""
        contexts = await self._contexts()
        times = [await self._evaluate("__helios_runtime__.nextEvent()", c) for c in contexts]
        return min((time for time in times if time is not None), default=None)

    def _note_settled(self, frame: int, answers: list[Params]) -> bool:
        """Check that a frame is ready; return whether an animation waits for being drawn."""
        waiting = [name for answer in answers for name in answer["waiting"]]
        if waiting:
            raise CompositionUnsettled(
                f"frame {frame} wasn't ready within {self._options.settle_timeout:g} s",
                hint="Something in the page never finishes loading or never resolves.",
                details=[f"waiting for {name}" for name in waiting],
            )
        for answer in answers:
            for url in answer["unplayable"]:
                self._note_missing(url, "can't be played")
        self._resting = all(answer["resting"] for answer in answers)
        self._still = all(answer["still"] for answer in answers)
        return any(answer["pending"] for answer in answers)

    async def _stop_clocks(self) -> None:
        """Stop the animation clock of every document; the page's own script moves animations."""
        if self._unstopped:
            self._unstopped = False
            await self._call(*_STOP_CLOCKS)

    async def _requests_done(self) -> None:
        deadline = time.monotonic() + self._options.settle_timeout
        while self._requests:
            if self._devtools.closed.is_set():
                raise BrowserCrashed(f"the browser ended (frame {self._frame})")
            if time.monotonic() > deadline:
                raise CompositionUnsettled(
                    f"requests didn't end within {self._options.settle_timeout:g} s",
                    details=[f"still loading: {url}" for url in sorted(self._requests.values())],
                )
            await asyncio.sleep(0.002)

    async def _draw(self, *, no_display: bool = False) -> bool:
        answer = await self._begin_frame({"noDisplayUpdates": no_display})
        return bool(answer["hasDamage"])

    async def _draw_picture(self, image: ImageFormat) -> bytes:
        for _ in range(2):
            answer = await self._begin_frame({"screenshot": image.parameters()})
            if data := answer.get("screenshotData"):
                return base64.b64decode(data)
        raise BrowserCrashed(f"the browser gave no picture of frame {self._frame}")

    async def _canvas_picture(self, image: ImageFormat) -> bytes | None:
        """Return what a page shows that is one canvas and nothing else; None for all others.

        Once it shows something else, it isn't asked again.
        """
        if not self.reads_canvas:
            return None
        expression = f"__helios_canvas__.picture('image/{image.name}', {image.quality / 100})"
        data = await self._evaluate(expression)
        self.reads_canvas = data is not None
        return base64.b64decode(data) if data else None

    async def _begin_frame(self, params: Params) -> Params:
        # Whole microseconds: each further draw of a frame is one later, for no two may be at the
        # same time.
        since_start = math.ceil(frame_time(self._frame or 0, self._options.rate) * 1_000_000)
        ticks = self._base_ticks + since_start + self._draws
        self._draws += 1
        interval = float(1000 / self._options.rate)
        return await self._call(
            "HeadlessExperimental.beginFrame",
            {"frameTimeTicks": (ticks + 0.5) / 1000, "interval": interval, **params},
        )

    def _screenshot(self, image: ImageFormat) -> Params:
        return {**image.parameters(), "captureBeyondViewport": False}

    async def _run(self, expression: str, context: int | None) -> Params:
        try:
            answer: Params | None = await self._evaluate(expression, context)
        except (BrowserCrashed, CompositionFailed):
            if context is None or context in self._foreign:
                raise
            answer = None  # the frame went away, or to another page, meanwhile
        return answer or dict(_UNANSWERED)

    async def _evaluate(self, expression: str, context: int | None = None) -> Any:
        params: Params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        if context is not None:
            params["contextId"] = context
        answer = await self._call("Runtime.evaluate", params)
        if thrown := answer.get("exceptionDetails"):
            raise CompositionFailed(
                f"frame {self._frame}: the page can't be driven", details=[_exception_text(thrown)]
            )
        return answer["result"].get("value")

    async def _call(self, method: str, params: Params | None = None) -> Params:
        limit = self._options.load_timeout + self._options.settle_timeout + ANSWER_TIMEOUT
        try:
            async with asyncio.timeout(limit):
                return await self._devtools.send(method, params, self._session)
        except TimeoutError:
            raise await self._hung(limit) from None
        except ProtocolError as error:
            if self._left or "navigated" in error.message or "was destroyed" in error.message:
                raise self._departure() from error
            raise BrowserCrashed(f"the browser refused {error} (frame {self._frame})") from error

    def _departure(self) -> CompositionFailed:
        return CompositionFailed(
            f"frame {self._frame}: the page went to another address or reloaded",
            hint="A composition stays where it is.",
        )

    async def _hung(self, seconds: float) -> HeliosError:
        """Return the error for a page that doesn't answer: its own fault, or the browser's."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._devtools.send("Browser.getVersion")
        except TimeoutError:
            return BrowserCrashed(f"the browser hangs (frame {self._frame})")
        return CompositionUnsettled(
            f"frame {self._frame}: the page didn't answer within {seconds:g} s",
            hint="A script of the page never returns.",
        )

    async def _contexts(self) -> list[int | None]:
        """Return None for the page itself, and its frames of other origins.

        No runtime of a parent can reach into those.
        """
        for context, independent in list(self._foreign.items()):
            if independent is None:
                said = await self._evaluate(
                    "window.__helios_runtime__?.independent ?? false", context
                )
                self._foreign[context] = bool(said)
        return [None, *(context for context, own in self._foreign.items() if own)]

    # --- events of the browser ----------------------------------------------------------------

    def _on_context(self, event: Params) -> None:
        self._unstopped = True
        # At once as well, for a browser that draws by itself doesn't wait for the first frame.
        self._devtools.start(*_STOP_CLOCKS, self._session).add_done_callback(_ignore)
        context = event["context"]
        data = context.get("auxData", {})
        if not data.get("isDefault"):
            return
        if data.get("frameId") != self._main_frame:
            self._foreign[context["id"]] = None
        elif not self._loading:
            self._left = True

    def _on_context_gone(self, event: Params) -> None:
        self._foreign.pop(event["executionContextId"], None)

    def _on_exception(self, event: Params) -> None:
        text = _exception_text(event["exceptionDetails"])
        if self._loading:
            self._errors.append(text)
        self._say("error", text)

    def _on_console(self, event: Params) -> None:
        text = " ".join(_value_text(argument) for argument in event["args"])
        self._say(event["type"], text)

    def _on_request(self, event: Params) -> None:
        url = event["request"]["url"]
        if event["requestId"] in self._workers:
            self._workers[event["requestId"]] = url
        elif url.startswith(("http:", "https:")):
            # A stream of media stays open for as long as its element lives.
            asked = self._endless if event.get("type") in _ENDLESS else self._requests
            asked[event["requestId"]] = _short(url)

    def _on_response(self, event: Params) -> None:
        response = event["response"]
        if event["type"] == "Image" and response["mimeType"] != "image/jpeg":
            # All other formats may hold animations, which the browser moves from frame to frame.
            self._images_move = True
        if response["status"] < 400:
            return
        if event["type"] == "Document" and event.get("frameId") == self._main_frame:
            self._refused = f"status {response['status']}"
        self._note_missing(response["url"], f"status {response['status']}")

    def _on_status(self, event: Params) -> None:
        # All else of how a worker's script came is told to the worker alone.
        url = self._workers.get(event["requestId"])
        if url is not None and event["statusCode"] >= 400:
            self._note_missing(url, f"status {event['statusCode']}")

    def _on_finished(self, event: Params) -> None:
        self._requests.pop(event["requestId"], None)
        self._endless.pop(event["requestId"], None)

    def _on_failed(self, event: Params) -> None:
        url = self._requests.pop(event["requestId"], None)
        url = url or self._endless.pop(event["requestId"], None)
        aborted = event.get("canceled") or event["errorText"] == "net::ERR_ABORTED"
        if url is not None and not aborted:
            self._note_missing(url, event["errorText"])

    def _on_target(self, event: Params) -> None:
        target = event["targetInfo"]
        if "worker" in target["type"]:
            # The request for its script has the same id.
            self._workers[target["targetId"]] = ""

    def _on_crash(self, event: Params) -> None:
        if event["targetId"] != self._main_frame:
            return
        # Nobody but a system short of memory kills it.
        why = "the page's process was killed" if event["status"] == "killed" else _PAGE_CRASHED
        self._say("error", why)
        self._devtools.close(why)

    def _note_missing(self, url: str, reason: str) -> None:
        name = _short(url)
        if name == "favicon.ico":
            return
        entry = f"{name} ({reason})"
        if entry not in self._missing:
            self._missing.append(entry)
            self._say("warning", f"can't be loaded: {entry}")

    def _say(self, level: str, text: str) -> None:
        if self._log is not None:
            self._log(None if self._loading else self._frame, level, text)


_PAGE_CRASHED = "the page's process crashed"

_STOP_CLOCKS = ("Animation.setPlaybackRate", {"playbackRate": 0})


def _ignore(answer: "asyncio.Future[Params]") -> None:
    if not answer.cancelled():
        answer.exception()


#: Kinds of requests that don't end by themselves.
_ENDLESS = ("Media", "EventSource", "WebSocket", "Ping")


@contextlib.asynccontextmanager
async def open_page(
    browser: Browser, options: PageOptions, log: PageLog | None = None
) -> AsyncIterator[CompositionPage]:
    """Open an empty page of the given size."""
    devtools = browser.devtools
    params: Params = {"url": "about:blank", "width": options.width, "height": options.height}
    if browser.draws_on_demand:
        # The window around the page is drawn for nobody. The smaller it is, the less that costs;
        # the page has its own size by `setDeviceMetricsOverride`.
        params |= {"enableBeginFrameControl": True, "width": 16, "height": 16}
    target = await devtools.send("Target.createTarget", params)
    attached = await devtools.send(
        "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
    )
    try:
        yield CompositionPage(browser, target["targetId"], attached["sessionId"], options, log)
    finally:
        # Nobody waits for it: a page that hangs wouldn't answer.
        closing = devtools.start("Target.closeTarget", {"targetId": target["targetId"]})
        closing.add_done_callback(lambda future: future.cancelled() or future.exception())


def _runtime_source(options: PageOptions) -> str:
    config = {
        "epoch": EPOCH_MS,
        "seed": options.seed,
        "props": dict(options.props),
        "settleTimeout": options.settle_timeout * 1000,
    }
    return _script("runtime.js").replace("__HELIOS_CONFIG__", json.dumps(config))


def _script(name: str) -> str:
    return resources.files("helios.renderer").joinpath(name).read_text("utf-8")


def _closed_roots(node: Params) -> Iterator[int]:
    for root in node.get("shadowRoots", ()):
        if root.get("shadowRootType") == "closed":
            yield root["backendNodeId"]
        yield from _closed_roots(root)
    for child in node.get("children", ()):
        yield from _closed_roots(child)


def _short(url: str) -> str:
    return url.removeprefix(f"{LOCAL_ORIGIN}/")


def _exception_text(details: Params) -> str:
    exception = details.get("exception", {})
    text = exception.get("description") or exception.get("value") or details.get("text", "")
    where = f"{_short(details['url'])}:{details['lineNumber'] + 1}" if details.get("url") else ""
    lines = str(text).splitlines() or [""]
    return f"{lines[0]} ({where})" if where else lines[0]


def _value_text(argument: Params) -> str:
    value = argument.get("value", argument.get("description", argument.get("type", "")))
    return value if isinstance(value, str) else json.dumps(value)
