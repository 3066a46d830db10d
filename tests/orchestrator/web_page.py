"""Drives a page that this project serves, in a real Chromium, as its user would."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from helios.renderer.browser.chromium import open_browser
from helios.renderer.browser.devtools import DevTools

_CODES = {" ": "Space", "ArrowLeft": "ArrowLeft", "ArrowRight": "ArrowRight"}


class WebPage:
    """A page in a browser: evaluates, presses keys, and takes screenshots."""

    def __init__(self, devtools: DevTools, session: str) -> None:
        self._devtools = devtools
        self._session = session

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._devtools.send(method, params, self._session)

    async def goto(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def look(self, width: int, height: int, *, dark: bool) -> None:
        """Show the page at a size, in a theme."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[theme])

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str, *, seconds: float = 90) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := await self.evaluate(expression)):
            assert time.monotonic() < deadline, (expression, await self.text())
            await asyncio.sleep(0.05)
        return value

    async def text(self) -> str:
        return str(await self.evaluate("document.body?.innerText"))

    async def press(self, key: str) -> None:
        """Press a key, where the focus is."""
        code = _CODES.get(key, key)
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            extra = text if kind == "keyDown" else {}
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, **extra)

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        name = json.dumps(selector)
        box = await self.evaluate(
            f"(() => {{ const e = document.querySelector({name}); e.scrollIntoView();"
            " const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **at)

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        answer = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextlib.asynccontextmanager
async def open_web_page() -> AsyncIterator[WebPage]:
    async with open_browser(on_demand=False) as browser:
        devtools = browser.devtools
        target = await devtools.send("Target.createTarget", {"url": "about:blank"})
        attached = await devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = WebPage(devtools, attached["sessionId"])
        await page.call("Page.enable")
        await page.call("Runtime.enable")
        yield page
