#!/usr/bin/env python3
"""Takes the picture of docs/report.md: an example's report, opened in a browser.

.venv/bin/python scripts/report_screenshot.py [OUTPUT]
"""

import asyncio
import base64
import subprocess
import sys
import tempfile
from pathlib import Path

from helios.media.ffmpeg import run_ffmpeg
from helios.renderer.browser.chromium import open_browser

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1280, 760
#: Seconds in which a page that needs no network is drawn.
_SETTLES = 2.0


async def picture_of(page: Path) -> bytes:
    """Return a PNG of the top of a page."""
    async with open_browser(network=(), on_demand=False) as browser:
        devtools = browser.devtools
        target = await devtools.send("Target.createTarget", {"url": page.as_uri()})
        attached = await devtools.send(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        session = attached["sessionId"]
        await devtools.send("Emulation.setDeviceMetricsOverride", size, session)
        await asyncio.sleep(_SETTLES)
        answer = await devtools.send("Page.captureScreenshot", {"format": "png"}, session)
        return base64.b64decode(answer["data"])


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images/report.png"
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(Path(sys.executable).with_name("orchestrator")), "render", "examples/promo"]
        command += ["-o", f"{scratch}/promo.mp4", "--chunks", "6", "--retries", "0"]
        command += ["--report", f"{scratch}/promo.html", "--jobs", f"{scratch}/jobs"]
        subprocess.run(command, cwd=ROOT, check=True)
        picture = asyncio.run(picture_of(Path(scratch, "promo.html")))
    # A palette of 128 colours makes the file smaller.
    palette = (
        "split[a][b];[a]palettegen=max_colors=128:stats_mode=single[p];[b][p]paletteuse=dither=none"
    )
    arguments = ["-f", "image2pipe", "-i", "pipe:0", "-vf", palette, "-f", "image2pipe"]
    small = asyncio.run(run_ffmpeg([*arguments, "-c:v", "png", "pipe:1"], stdin=picture))
    output.write_bytes(small)
    print(f"{output}: {len(small)} bytes")


if __name__ == "__main__":
    main()
