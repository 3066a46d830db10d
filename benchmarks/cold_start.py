"""Measures the parts of a cold worker's start, up to the first frame.

A worker imports its handler, then starts the chunk's command, which opens a browser, loads the
composition and draws. Each part is measured in new processes, with a warm disk cache. Run
`python benchmarks/cold_start.py` for the figures as JSON.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

#: The module that each worker loads.
WORKERS = {"Lambda": "worker_lambda.handler", "Cloud Run": "worker_cloudrun.app"}
#: The page that is drawn, at full HD.
SCENE = Path(__file__).resolve().parent / "scenes" / "ball"

_IMPORT = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""
_COMMAND = "from benchmarks.cold_start import print_command_parts; print_command_parts({began})"


def run(*, runs: int = 5) -> list[dict[str, Any]]:
    """Measure the parts and return a row for each worker, with medians in seconds.

    Args:
        runs: Number of measurements; workers alternate.
    """
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in WORKERS}
    for _ in range(runs):
        for name, module in WORKERS.items():
            importing = float(_python(_IMPORT.format(module=module)))
            parts = json.loads(_python(_COMMAND.format(began=time.monotonic())))
            measured[name].append({"import": importing, **parts})
    return [_row(name, rounds) for name, rounds in measured.items()]


def print_command_parts(began: float) -> None:
    """Do what `helios render` does up to the first frame, and print the seconds of each part.

    Args:
        began: Start time of this process, by the machine's monotonic clock.
    """
    import helios.cli  # noqa: PLC0415
    import helios.renderer.asset_server  # noqa: PLC0415
    import helios.renderer.render  # noqa: F401, PLC0415

    print(json.dumps({"command": time.monotonic() - began, **asyncio.run(_page_parts())}))


async def _page_parts() -> dict[str, float]:
    import socket  # noqa: PLC0415

    from helios.renderer.asset_server import serve_folder  # noqa: PLC0415
    from helios.renderer.browser.chromium import open_browser  # noqa: PLC0415
    from helios.renderer.browser.network_flags import network_flags  # noqa: PLC0415
    from helios.renderer.composition import Composition  # noqa: PLC0415
    from helios.renderer.page import ImageFormat, PageOptions, open_page  # noqa: PLC0415

    options = PageOptions(width=1920, height=1080, rate=Fraction(30))
    listener = socket.create_server(("127.0.0.1", 0))
    network = network_flags(local_port=listener.getsockname()[1], proxy=None)
    times = [time.monotonic()]
    async with serve_folder(SCENE, listener), open_browser(network=network) as browser:
        times.append(time.monotonic())
        async with open_page(browser, options) as page:
            await page.load(Composition.find(str(SCENE)))
            times.append(time.monotonic())
            await page.picture(0, ImageFormat("jpeg"), every_frame=False)
            times.append(time.monotonic())
    launch, load, frame = (after - before for before, after in pairwise(times))
    return {"launch": launch, "load": load, "firstFrame": frame}


def _python(source: str) -> str:
    command = [sys.executable, "-c", source]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _row(name: str, rounds: list[dict[str, float]]) -> dict[str, Any]:
    parts = {part: statistics.median(one[part] for one in rounds) for part in rounds[0]}
    return {
        "worker": name,
        "runs": len(rounds),
        **{part: round(seconds, 3) for part, seconds in parts.items()},
        "total": round(statistics.median(sum(one.values()) for one in rounds), 3),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
