"""Prepares an empty page for deterministic rendering, and loads a composition in it."""

import asyncio
import json

from helios.errors import (
    BrowserCrashed,
    CompositionNotFound,
    CompositionTimedOut,
    OptionInvalid,
)
from helios.renderer.browser.devtools import Params
from helios.renderer.page.closed_roots import add_closed_roots
from helios.renderer.page.media import PageMedia
from helios.renderer.page.options import PageOptions
from helios.renderer.page.reports.page_log import PageMessages
from helios.renderer.page.requests import NETWORK_BINDING, PageRequests
from helios.renderer.page.scripts import page_scripts
from helios.renderer.page.session import PageSession
from helios.renderer.page.workers import PageWorkers

_PAGE_CRASHED = "the page's process crashed"
#: Finds names that the browser doesn't support: it accepts any, and falls back to the machine's.
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


class PageLoader:
    """Prepares a page and loads a URL in it.

    Parameters are the parts of `CompositionPage`.
    """

    def __init__(
        self,
        session: PageSession,
        options: PageOptions,
        *,
        messages: PageMessages,
        requests: PageRequests,
        media: PageMedia,
    ) -> None:
        self._session = session
        self._options = options
        self._messages = messages
        self._requests = requests
        self._media = media
        self._workers = PageWorkers(session, options)
        self._loaded = asyncio.Event()

    async def load(self, url: str) -> None:
        """Open a page and wait for its `load` event and its requests.

        Raises `CompositionNotFound`, `CompositionTimedOut` or `BrowserCrashed`.
        """
        await self._prepare()
        try:
            async with asyncio.timeout(self._options.load_timeout):
                await self._navigate(url)
                await self._until_open(self._loaded)
        except TimeoutError:
            raise CompositionTimedOut(
                f"{url}: `load` didn't fire within {self._options.load_timeout:g} s",
                hint="A request or a script never ends.",
                details=[f"still loading: {url}" for url in self._requests.under_way[:10]],
            ) from None
        await self._requests.finished()
        await add_closed_roots(self._session)

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
            # While this domain is enabled, new documents get its rate before they are styled.
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
        """Set the page's time zone and locale, independent of the machine's.

        Raises:
            OptionInvalid: The browser doesn't support them.
        """
        options, session = self._options, self._session
        names = json.dumps([options.time_zone, options.locale])
        unknown = await session.evaluate(f"({_UNKNOWN_REGION})(...{names})")
        if unknown:
            raise OptionInvalid(f"{unknown}: the browser doesn't know it")
        await asyncio.gather(
            session.call("Emulation.setTimezoneOverride", {"timezoneId": options.time_zone}),
            session.call("Emulation.setLocaleOverride", {"locale": options.locale}),
            # An empty user agent keeps the browser's own.
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
        """Wait for an event of the page, or for the end of the browser."""
        closed = self._session.devtools.closed
        tasks = [asyncio.ensure_future(e.wait()) for e in (event, closed)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if not event.is_set():
            raise BrowserCrashed("the browser ended while the page loaded")

    def _on_crash(self, event: Params) -> None:
        if event["targetId"] != self._session.main_frame:
            return
        # The system kills a page's process only for lack of memory.
        why = "the page's process was killed" if event["status"] == "killed" else _PAGE_CRASHED
        self._messages.write("error", why)
        self._session.devtools.close(why)
