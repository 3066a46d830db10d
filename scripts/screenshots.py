#!/usr/bin/env python3
"""Takes the pictures of the pages that docs show: an example's report, live page and preview.

.venv/bin/python scripts/screenshots.py [FOLDER]
"""

import asyncio
import base64
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from helios.media.ffmpeg import run_ffmpeg
from helios.renderer.browser.chromium import open_browser

ROOT = Path(__file__).resolve().parent.parent
ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
WIDTH, HEIGHT = 1280, 760
_RENDER = ["render", "examples/promo", "--chunks", "6", "--retries", "0"]
_POLL = 0.2
#: Seconds in which a page draws what it has.
_SETTLES = 2.0
#: When a page shows what its picture is about.
_LOADED = "document.readyState === 'complete'"
_HALF_DONE = "document.querySelectorAll('.mark[data-state=done]').length >= 3"
_DRAWN = "document.body?.dataset.audible && document.body.dataset.shown.endsWith(':90')"


async def picture_of(url: str, ready: str, *, first: str = "") -> bytes:
    """Return a PNG of the top of a page.

    Args:
        ready: Script that is true once the page shows what it should.
        first: Script that is run until then.
    """
    async with open_browser(network=(), on_demand=False) as browser:
        devtools = browser.devtools
        target = await devtools.send("Target.createTarget", {"url": url})
        attached = await devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        session = attached["sessionId"]
        await devtools.send("Emulation.setDeviceMetricsOverride", size, session)
        script = {"expression": f"{first}; Boolean({ready})"}
        while True:
            answer = await devtools.send("Runtime.evaluate", script, session)
            if answer["result"].get("value") is True:
                break
            await asyncio.sleep(_POLL)
        await asyncio.sleep(_SETTLES)
        answer = await devtools.send("Page.captureScreenshot", {"format": "png"}, session)
        return base64.b64decode(answer["data"])


@contextlib.contextmanager
def serving(event: str, *words: str) -> Iterator[str]:
    """Run a command for a context; yield the address that it prints in an event."""
    command = [ORCHESTRATOR, *words, "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        documents = map(json.loads, process.stdout)
        yield next(each["url"] for each in documents if each["event"] == event)
        process.send_signal(signal.SIGINT)
        process.communicate()


def pictures(scratch: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the PNG of each page."""
    shared = ["--jobs", f"{scratch}/jobs"]
    made = [*_RENDER, "-o", f"{scratch}/promo.mp4", "--report", f"{scratch}/promo.html", *shared]
    subprocess.run([ORCHESTRATOR, *made], cwd=ROOT, check=True)
    yield "report", asyncio.run(picture_of(Path(scratch, "promo.html").as_uri(), _LOADED))
    with serving("web", *_RENDER, "-o", f"{scratch}/live.mp4", "--web", *shared) as url:
        yield "live", asyncio.run(picture_of(url, _HALF_DONE))
    with serving("preview", "preview", "examples/hyperframes") as url:
        go = "typeof state === 'object' && state.frames && frame !== 90 && go(90)"
        yield "preview", asyncio.run(picture_of(url, _DRAWN, first=go))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images"
    # A palette of 128 colours makes the files smaller.
    palette = (
        "split[a][b];[a]palettegen=max_colors=128:stats_mode=single[p];[b][p]paletteuse=dither=none"
    )
    arguments = ["-f", "image2pipe", "-i", "pipe:0", "-vf", palette, "-f", "image2pipe"]
    with tempfile.TemporaryDirectory() as scratch:
        for name, picture in pictures(scratch):
            small = asyncio.run(run_ffmpeg([*arguments, "-c:v", "png", "pipe:1"], stdin=picture))
            output = folder / f"{name}.png"
            output.write_bytes(small)
            print(f"{output}: {len(small)} bytes")


if __name__ == "__main__":
    main()
