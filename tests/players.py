"""A browser that plays videos, as people watch them."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.chromium import open_browser
from helios.renderer.browser.devtools import ProtocolError


def shown_in_browser(folder: Path, page: str) -> dict[str, Any]:
    """Open a page beside the files in a folder, and return what its `play()` resolves to."""
    (folder / "player.html").write_text(page)

    async def watch() -> dict[str, Any]:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/player.html"
        async with serve_folder(folder, listener), open_browser(on_demand=False) as browser:
            send = browser.devtools.send
            target = (await send("Target.createTarget", {"url": url}))["targetId"]
            attached = await send("Target.attachToTarget", {"targetId": target, "flatten": True})
            session = attached["sessionId"]
            # The document may be on its way yet.
            ready = """new Promise((resolve) => {
                const look = () => (globalThis.play ? resolve() : setTimeout(look, 20));
                look();
            }).then(() => play()).catch((fault) => ({ fault: String(fault) }))"""
            asked = {"expression": ready, "awaitPromise": True, "returnByValue": True}
            while True:
                with contextlib.suppress(ProtocolError):  # another document came
                    answer = await send("Runtime.evaluate", asked, session)
                    facts: dict[str, Any] = answer["result"]["value"]
                    return facts

    try:
        return asyncio.run(asyncio.wait_for(watch(), 60))
    finally:
        (folder / "player.html").unlink()
