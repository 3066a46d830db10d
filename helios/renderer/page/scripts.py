"""The scripts that are evaluated in every document of a page, before any of its own."""

import json
from functools import cache
from importlib import resources

from helios.renderer.page.options import EPOCH_MS, PageOptions

#: The parts of the runtime, in the order in which they are evaluated. All stand in one function,
#: so that each sees the names of the others and the page sees none.
_PARTS = (
    "native",
    "tasks",
    "randomness",
    "clocks",
    "timers",
    "animation_frames",
    "animations",
    "layers",
    "playback",
    "video",
    "audio",
    "pending_work",
    "libraries",
    "readiness",
    "driver",
)


def page_scripts(options: PageOptions) -> list[str]:
    """Return the scripts for a page, in order."""
    config = {
        "epoch": EPOCH_MS,
        "seed": options.seed,
        "props": dict(options.props),
        "settleTimeout": options.settle_timeout * 1000,
    }
    return [_runtime().replace("__HELIOS_CONFIG__", json.dumps(config)), _read("canvas.js")]


@cache
def _runtime() -> str:
    parts = "\n".join(_read(f"runtime/{name}.js") for name in _PARTS)
    return _read("runtime/runtime.js").replace("/* __HELIOS_PARTS__ */", parts)


@cache
def _read(name: str) -> str:
    return resources.files("helios.renderer.page").joinpath(name).read_text("utf-8")
