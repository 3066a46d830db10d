"""Raw frames in shared memory in place of JPEG files: what a preloaded library gives a browser."""

from helios.renderer.raw_frames.handshake import gives_raw_frames, key_pixels
from helios.renderer.raw_frames.memory import (
    SWITCH_VARIABLE,
    FrameMemory,
    open_frame_memory,
    why_unavailable,
)

__all__ = [
    "SWITCH_VARIABLE",
    "FrameMemory",
    "gives_raw_frames",
    "key_pixels",
    "open_frame_memory",
    "why_unavailable",
]
