"""The pieces of pages, a module per concern; importing this registers all of them."""

from fuzz.pieces import (  # noqa: F401
    animations,
    boxes,
    canvases,
    documents,
    dom,
    effects,
    frame_callbacks,
    images,
    media,
    observers,
    scrolling,
    text,
    timers,
    transitions,
    vector,
    web_animations,
    workers,
)
