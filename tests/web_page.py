"""A page in a real Chromium, driven as people do: clicks, keys, sizes, themes."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from helios.renderer.browser.chromium import open_browser
from helios.renderer.browser.devtools import DevTools, Params
from tests.cases.libraries import Libraries

#: Codes that keys have besides their names.
_KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40}
_PATIENCE = 100.0


class WebPage:
    """A page of a browser.

    Attributes:
        errors: Exceptions that the page threw, and errors that it or the browser logged.
        requests: URLs that it requested.
    """

    def __init__(self, devtools: DevTools, session: str) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._devtools = devtools
        self._session = session
        devtools.on("Runtime.exceptionThrown", self._on_exception, session)
        devtools.on("Log.entryAdded", self._on_log, session)
        devtools.on("Network.requestWillBeSent", self._on_request, session)
        devtools.on("Page.javascriptDialogOpening", self._on_dialog, session)

    async def call(self, method: str, **params: Any) -> Params:
        return await self._devtools.send(method, params, self._session)

    async def open(self, url: str, *, width: int = 1280, height: int = 900) -> None:
        await self.resize(width, height)
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def theme(self, name: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": name}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def value(self, expression: str) -> Any:
        """Return the value of an expression; that of a promise is awaited."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(_PATIENCE):
            while not await self.value(f"Boolean({expression})"):  # noqa: ASYNC110 - a page's state
                await asyncio.sleep(0.05)

    async def text(self, selector: str) -> str:
        found = await self.value(f"document.querySelector({json.dumps(selector)})?.innerText")
        return str(found)

    async def click(self, selector: str, *, x: float = 0.5, y: float = 0.5) -> None:
        """Click an element, at shares of its width and height."""
        name = json.dumps(selector)
        await self.value(f"document.querySelector({name}).scrollIntoView({{block: 'center'}})")
        box = await self.value(f"document.querySelector({name}).getBoundingClientRect().toJSON()")
        at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            count = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            await self.call("Input.dispatchMouseEvent", type=kind, **at, **count)

    async def press(self, *keys: str) -> None:
        for key in keys:
            code = _KEYS.get(key, ord(key[0].upper()))
            common = {"key": key, "windowsVirtualKeyCode": code}
            text = {"text": "\r"} if key == "Enter" else {}
            await self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def axe_violations(self, scratch: Path) -> list[tuple[str, list[str]]]:
        """Return the rules of axe that the page breaks, each with the elements that do.

        Contrast is measured of text that is drawn; what scrolls is reached by its rows.
        """
        script = scratch / "axe.js"
        Libraries().copy("axe-core/axe.min.js", script)
        await self.value(script.read_text("utf-8") + "; true")
        found = await self.value("axe.run(document, {resultTypes: ['violations']})")
        return [
            (each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]
        ]

    async def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Store a picture of the page: of all of it, or of what is in sight."""
        # Two frames: what is drawn on canvases is drawn when they have their sizes.
        await self.value("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
        answer = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def _on_exception(self, event: Params) -> None:
        details = event["exceptionDetails"]
        self.errors.append(details.get("exception", {}).get("description", details["text"]))

    def _on_log(self, event: Params) -> None:
        if event["entry"]["level"] == "error":
            self.errors.append(event["entry"]["text"])

    def _on_request(self, event: Params) -> None:
        self.requests.append(event["request"]["url"])

    def _on_dialog(self, event: Params) -> None:
        self._devtools.start("Page.handleJavaScriptDialog", {"accept": True}, self._session)


@contextlib.asynccontextmanager
async def web_page() -> AsyncIterator[WebPage]:
    """Open an empty page in a browser of its own."""
    async with open_browser(network=(), on_demand=False) as browser:
        devtools = browser.devtools
        target = await devtools.send("Target.createTarget", {"url": "about:blank"})
        attached = await devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = WebPage(devtools, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        yield page
