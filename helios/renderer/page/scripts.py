"""The scripts that are evaluated in every document of a page, before any of its own."""

import json
from functools import cache
from importlib import resources
from typing import Any

from helios.renderer.dialects import Dialect
from helios.renderer.page.options import EPOCH_MS, PageOptions

#: The parts of the runtime, in the order in which they are evaluated. All stand in one function,
#: so that each sees the names of the others and the page sees none.
_PARTS = (
    "realm",
    "native",
    "device",
    "tasks",
    "randomness",
    "clocks",
    "date",
    "intl",
    "timestamps",
    "timers",
    "workers",
    "shared_workers",
    "offscreen_canvases",
    "dialogs",
    "timeline",
    "animation_frames",
    "animations",
    "svg",
    "smooth_scroll",
    "view_transitions",
    "progress_bars",
    "caret",
    "svg_stills",
    "moving_images",
    "layers",
    "object_urls",
    "playback",
    "video",
    "media_controls",
    "audio",
    "web_audio",
    "network",
    "interfaces",
    "pending_work",
    "closed_roots",
    "promise_work",
    "stream_work",
    "callback_work",
    "image_work",
    "message_work",
    "idle",
    "mixed_transforms",
    "sheet_text",
    "over_at_once",
    "layer_reasons",
    "libraries",
    "",  # the scripts of the page's dialect
    "readiness",
    "support",
    "skipping",
    "restyling",
    "inherited_transitions",
    "canvas_alone",
    "driver",
)


#: The parts of the runtime that workers have.
_WORKER_PARTS = (
    "realm",
    "device",
    "tasks",
    "randomness",
    "clocks",
    "date",
    "intl",
    "timestamps",
    "timers",
    "workers",
    "interfaces",
    "pending_work",
    "promise_work",
    "stream_work",
    "callback_work",
    "message_work",
    "idle",
    "worker_work",
    "worker_main",
)

_WORKLET_PARTS = ("date", "randomness")


def page_scripts(options: PageOptions) -> list[str]:
    """Return the scripts for a page, in order."""
    config = {
        **_config(options),
        "props": dict(options.props),
        "compositionId": options.composition_id,
        "evaluates": options.evaluates,
        "transparent": options.transparent,
        "canvasAlone": options.canvas_alone,
        "frameDuration": float(1000 / options.rate),
        "seconds": None if options.seconds is None else float(options.seconds),
    }
    runtime = _runtime("runtime", _PARTS, config, options.dialect)
    return [runtime, _read("canvas.js")]


def worker_script(options: PageOptions) -> str:
    """Return the script for each worker of a page."""
    return _runtime("worker", _WORKER_PARTS, {**_config(options), "locale": options.locale})


def worklet_script(options: PageOptions) -> str:
    """Return the script for each worklet of a page."""
    return _runtime("worklet", _WORKLET_PARTS, _config(options))


def _config(options: PageOptions) -> dict[str, Any]:
    return {
        "epoch": EPOCH_MS if options.dialect.epoch is None else options.dialect.epoch,
        "seed": options.seed,
        "settleTimeout": options.settle_timeout * 1000,
        "reference": options.reference,
    }


def _runtime(
    outer: str, parts: tuple[str, ...], config: dict[str, Any], dialect: Dialect | None = None
) -> str:
    return _assembled(outer, parts, dialect).replace("__HELIOS_CONFIG__", json.dumps(config))


@cache
def _assembled(outer: str, parts: tuple[str, ...], dialect: Dialect | None) -> str:
    own = dialect.scripts() if dialect else ""
    inner = "\n".join(_read(f"runtime/{name}.js") if name else own for name in parts)
    inner = inner.replace("__HELIOS_PROMISE_OPERATIONS__", _read("runtime/promise_operations.json"))
    return _read(f"runtime/{outer}.js").replace("/* __HELIOS_PARTS__ */", inner)


@cache
def _read(name: str) -> str:
    return resources.files("helios.renderer.page").joinpath(name).read_text("utf-8")
