"""A browser that plays videos, as people watch them."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.chromium import open_browser
from helios.renderer.browser.devtools import ProtocolError
from helios.renderer.browser.network_flags import network_flags
from helios.renderer.composition import LOCAL_ORIGIN


def shown_in_browser(folder: Path, player: str) -> dict[str, Any]:
    """Open a page beside the files in a folder, and return what its `play()` resolves to."""
    (folder / "player.html").write_text(player)

    async def watch() -> dict[str, Any]:
        listener = socket.create_server(("127.0.0.1", 0))
        network = network_flags(local_port=listener.getsockname()[1], proxy=None)
        browsing = open_browser(on_demand=False, network=network)
        async with serve_folder(folder, listener), browsing as browser:
            send = browser.devtools.send
            page = {"url": f"{LOCAL_ORIGIN}/player.html"}
            target = (await send("Target.createTarget", page))["targetId"]
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
