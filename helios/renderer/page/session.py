"""The DevTools session of one page: calls to its documents, and the errors that calls end with."""

import asyncio
from typing import Any

from helios.errors import BrowserCrashed, CompositionFailed, CompositionUnsettled, HeliosError
from helios.renderer.browser.chromium import Browser
from helios.renderer.browser.devtools import EventHandler, Params, ProtocolError
from helios.renderer.page.options import PageOptions
from helios.renderer.page.reports.exceptions import exception_text

#: Seconds beyond the page's own limits after which a browser that doesn't answer counts as hung.
ANSWER_TIMEOUT = 5.0

_STOP_CLOCKS = ("Animation.setPlaybackRate", {"playbackRate": 0})


class PageSession:
    """A session of one page.

    Attributes:
        main_frame: Id of the page's outermost frame, which is that of its target as well.
        frame: The frame that the page stands at; None before the first.
        is_loading: Whether frame 0 isn't ready yet.
    """

    def __init__(self, browser: Browser, target: str, session: str, options: PageOptions) -> None:
        self.devtools = browser.devtools
        self.main_frame = target
        self.frame: int | None = None
        self.is_loading = True
        self._session = session
        self._options = options
        self._foreign: dict[int, bool | None] = {}
        self._left = False  # the page went elsewhere, or began anew
        self._clocks_run = True  # there may be a document whose animation clock runs

    def on(self, method: str, handler: EventHandler) -> None:
        """Call `handler` with the parameters of every such event of the page."""
        self.devtools.on(method, handler, self._session)

    def listen(self) -> None:
        """Follow the page's documents."""
        self.on("Runtime.executionContextCreated", self._on_context)
        self.on("Runtime.executionContextDestroyed", self._on_context_gone)
        self.on("Runtime.executionContextsCleared", lambda _: self._foreign.clear())

    # --- calls ------------------------------------------------------------------------------

    async def call(self, method: str, params: Params | None = None) -> Params:
        """Call a method of the protocol.

        Raises:
            BrowserCrashed: The browser refused, hangs, or is gone.
            CompositionFailed: The page went to another address.
            CompositionUnsettled: A script of the page never returns.
        """
        limit = self._options.load_timeout + self._options.settle_timeout + ANSWER_TIMEOUT
        try:
            async with asyncio.timeout(limit):
                return await self.devtools.send(method, params, self._session)
        except TimeoutError:
            raise await self._hung(limit) from None
        except ProtocolError as error:
            if self._left or "navigated" in error.message or "was destroyed" in error.message:
                raise self._departure() from error
            raise BrowserCrashed(f"the browser refused {error} (frame {self.frame})") from error

    async def evaluate(self, expression: str, context: int | None = None) -> Any:
        """Evaluate an expression in a document, by default the outermost, and return its value.

        Raises:
            CompositionFailed: The expression threw.
        """
        params: Params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        if context is not None:
            params["contextId"] = context
        answer = await self.call("Runtime.evaluate", params)
        if thrown := answer.get("exceptionDetails"):
            raise CompositionFailed(
                f"frame {self.frame}: the page can't be driven", details=[exception_text(thrown)]
            )
        return answer["result"].get("value")

    async def evaluate_all(self, expression: str) -> list[Any]:
        """Evaluate an expression in the page and its frames of other origins."""
        return [await self.evaluate(expression, context) for context in await self.contexts()]

    async def run(self, expression: str) -> list[Params | None]:
        """Evaluate as `evaluate_all` does; None for a frame that went away meanwhile."""
        return [await self._try(expression, context) for context in await self.contexts()]

    async def stop_clocks(self) -> None:
        """Stop the animation clock of every document; the page's own script moves animations."""
        if self._clocks_run:
            self._clocks_run = False
            await self.call(*_STOP_CLOCKS)

    def check_present(self) -> None:
        """Raise if the page went to another address.

        Raises `CompositionFailed`.
        """
        if self._left:
            raise self._departure()

    # --- inside -----------------------------------------------------------------------------

    async def _try(self, expression: str, context: int | None) -> Params | None:
        try:
            answer: Params | None = await self.evaluate(expression, context)
        except (BrowserCrashed, CompositionFailed):
            if context is None or context in self._foreign:
                raise
            return None
        return answer

    async def contexts(self) -> list[int | None]:
        """Return None for the page itself, and its frames of other origins.

        No runtime of a parent can reach into those.
        """
        for context, independent in list(self._foreign.items()):
            if independent is None:
                said = await self.evaluate(
                    "window.__helios_runtime__?.independent ?? false", context
                )
                self._foreign[context] = bool(said)
        return [None, *(context for context, own in self._foreign.items() if own)]

    def _departure(self) -> CompositionFailed:
        return CompositionFailed(
            f"frame {self.frame}: the page went to another address or reloaded",
            hint="A composition stays where it is.",
        )

    async def _hung(self, seconds: float) -> HeliosError:
        """Return the error for a page that doesn't answer: its own fault, or the browser's."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self.devtools.send("Browser.getVersion")
        except TimeoutError:
            return BrowserCrashed(f"the browser hangs (frame {self.frame})")
        return CompositionUnsettled(
            f"frame {self.frame}: the page didn't answer within {seconds:g} s",
            hint="A script of the page never returns.",
        )

    def _on_context(self, event: Params) -> None:
        self._clocks_run = True
        # At once as well, for a browser that draws by itself doesn't wait for the first frame.
        self.devtools.start(*_STOP_CLOCKS, self._session).add_done_callback(_ignore)
        context = event["context"]
        data = context.get("auxData", {})
        if not data.get("isDefault"):
            return
        if data.get("frameId") != self.main_frame:
            self._foreign[context["id"]] = None
        elif not self.is_loading:
            self._left = True

    def _on_context_gone(self, event: Params) -> None:
        self._foreign.pop(event["executionContextId"], None)


def _ignore(answer: "asyncio.Future[Params]") -> None:
    if not answer.cancelled():
        answer.exception()
