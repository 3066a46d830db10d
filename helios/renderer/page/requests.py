"""What a page asks for: requests that are under way, and files that can't be had."""

import asyncio
import contextlib
import time

from helios.errors import AssetMissing, BrowserCrashed, CompositionUnsettled, HeliosError
from helios.renderer.browser.devtools import Params
from helios.renderer.page.reports.exceptions import short_url
from helios.renderer.page.reports.page_log import PageMessages
from helios.renderer.page.reports.support import host_of
from helios.renderer.page.session import PageSession

#: Kinds of requests that don't end by themselves.
_ENDLESS = ("Media", "EventSource", "WebSocket", "Ping")
#: Kinds of requests by which a page gets data, other than files that make it up.
_DATA = ("XHR", "Fetch", "EventSource", "WebSocket")
#: Name of the function by which a page's script asks to be told when no request is under way.
NETWORK_BINDING = "__helios_network__"


class PageRequests:
    """Follows a page's requests, those of its inner frames and workers included.

    Args:
        limit: Seconds in which requests have to end once they are waited for.

    Attributes:
        refused: Why the page itself can't be had; empty if it can.
        data_hosts: Other hosts than the page's own that it asks for data.
        images_may_move: Whether the page has shown images of a format that may hold animations.
    """

    def __init__(self, session: PageSession, messages: PageMessages, *, limit: float) -> None:
        self._limit = limit
        self._session = session
        self._messages = messages
        self._under_way: dict[str, str] = {}
        self._endless: dict[str, str] = {}
        self._live: set[str] = set()
        self._gave_up = False
        self._workers: dict[str, str] = {}
        self._missing: list[str] = []
        self._answering: set[asyncio.Future[None]] = set()
        self.refused = ""
        self.data_hosts: set[str] = set()
        self._own_host = ""
        self.images_may_move = False

    def listen(self) -> None:
        """Follow the network."""
        for method, handler in (
            ("Network.requestWillBeSent", self._on_request),
            ("Network.webSocketCreated", self._on_socket),
            ("Network.webSocketClosed", self._on_finished),
            ("Network.responseReceived", self._on_response),
            ("Network.responseReceivedExtraInfo", self._on_status),
            ("Network.loadingFinished", self._on_finished),
            ("Network.loadingFailed", self._on_failed),
        ):
            self._session.on(method, handler)
        self._session.devtools.on("Target.targetCreated", self._on_target)
        self._session.on("Runtime.bindingCalled", self._on_question)

    @property
    def is_live(self) -> bool:
        """Whether a connection is open by which the page may hear of something at any time."""
        return bool(self._live)

    @property
    def under_way(self) -> list[str]:
        """URLs that are being loaded, sorted."""
        return sorted(self._under_way.values())

    async def finished(self, deadline: float | None = None) -> None:
        """Wait until no request is under way.

        Args:
            deadline: Time of the monotonic clock at which to give up; by default, after the limit.

        Raises `CompositionUnsettled` or `BrowserCrashed`.
        """
        deadline = deadline or time.monotonic() + self._limit
        while self._under_way:
            if self._session.devtools.closed.is_set():
                raise BrowserCrashed(f"the browser ended (frame {self._session.frame})")
            if self._gave_up or time.monotonic() > deadline:
                self._gave_up = True  # a page that asked has been told so; its driver hears it next
                raise CompositionUnsettled(
                    f"requests didn't end within {self._limit:g} s",
                    details=[f"still loading: {url}" for url in self.under_way],
                )
            await asyncio.sleep(0.002)

    def note_missing(self, url: str, reason: str) -> None:
        """Note a file that can't be had."""
        name = short_url(url)
        if name == "favicon.ico":
            return
        entry = f"{name} ({reason})"
        if entry not in self._missing:
            self._missing.append(entry)
            self._messages.write("warning", f"can't be loaded: {entry}")

    def check_missing(self) -> None:
        """Raise if a file that the page asked for isn't there.

        Raises `AssetMissing`.
        """
        if self._missing:
            raise AssetMissing(
                f"{len(self._missing)} file(s) that the page asks for can't be loaded",
                hint="Put them into the composition's folder, or go on without: --allow-missing.",
                details=self._missing,
            )

    def _on_request(self, event: Params) -> None:
        url = event["request"]["url"]
        self._note_host(url, event.get("type", ""), main=event.get("frameId"))
        if event["requestId"] in self._workers:
            self._workers[event["requestId"]] = url
        elif url.startswith(("http:", "https:", "blob:", "data:")):
            # A stream of media stays open for as long as its element lives.
            asked = self._endless if event.get("type") in _ENDLESS else self._under_way
            asked[event["requestId"]] = short_url(url)
            if event.get("type") == "EventSource":
                self._live.add(event["requestId"])

    def _on_socket(self, event: Params) -> None:
        self._note_host(event["url"], "WebSocket")
        self._live.add(event["requestId"])

    def _note_host(self, url: str, kind: str, main: str | None = None) -> None:
        if kind == "Document" and main == self._session.main_frame:
            self._own_host = host_of(url)
        elif kind in _DATA and (host := host_of(url)) not in ("", self._own_host):
            self.data_hosts.add(host)

    def _on_response(self, event: Params) -> None:
        response = event["response"]
        if event["type"] == "Image" and response["mimeType"] != "image/jpeg":
            # All other formats may hold animations, which the browser moves from frame to frame.
            self.images_may_move = True
        if response["status"] < 400:
            return
        if event["type"] == "Document" and event.get("frameId") == self._session.main_frame:
            self.refused = f"status {response['status']}"
        self.note_missing(response["url"], f"status {response['status']}")

    def _on_status(self, event: Params) -> None:
        # All else of how a worker's script came is told to the worker alone.
        url = self._workers.get(event["requestId"])
        if url is not None and event["statusCode"] >= 400:
            self.note_missing(url, f"status {event['statusCode']}")

    def _on_finished(self, event: Params) -> None:
        self._under_way.pop(event["requestId"], None)
        self._endless.pop(event["requestId"], None)
        self._live.discard(event["requestId"])

    def _on_failed(self, event: Params) -> None:
        self._live.discard(event["requestId"])
        url = self._under_way.pop(event["requestId"], None)
        url = url or self._endless.pop(event["requestId"], None)
        aborted = event.get("canceled") or event["errorText"] == "net::ERR_ABORTED"
        made = url is not None and url.startswith(("blob:", "data:"))  # by the page, not a file
        if url is not None and not aborted and not made:
            self.note_missing(url, event["errorText"])

    def _on_target(self, event: Params) -> None:
        target = event["targetInfo"]
        if "worker" in target["type"]:
            # The request for its script has the same id.
            self._workers[target["targetId"]] = ""

    def _on_question(self, event: Params) -> None:
        if event["name"] == NETWORK_BINDING:
            answering = asyncio.ensure_future(self._answer(event["executionContextId"]))
            self._answering.add(answering)
            answering.add_done_callback(self._answering.discard)

    async def _answer(self, context: int) -> None:
        """Tell a document when no request is under way, and whether one was."""
        was_busy = bool(self._under_way)
        # What goes wrong here is found again, and raised, by the call that drives the page.
        with contextlib.suppress(HeliosError):
            await self.finished()
        with contextlib.suppress(HeliosError):
            await self._session.evaluate(
                f"__helios_runtime__.answerNetwork({str(was_busy).lower()})", context
            )
