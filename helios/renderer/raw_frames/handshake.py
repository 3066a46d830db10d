"""A frame of known colours that tells whether a browser gives raw frames."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from helios.renderer.raw_frames.memory import FrameMemory

#: Colours of the frame's squares, and Y, U and V of each (ITU-R BT.709, 8 bits, limited range).
_COLOURS = {
    "#f00": (63, 102, 240),
    "#0f0": (173, 42, 26),
    "#00f": (32, 240, 118),
    "#fff": (235, 128, 128),
}
#: Side of a square in pixels.
_SIDE = 2
#: Encodes the key, and then the frame.
_SCRIPT = """
((key, colours, side) => {
  const surface = (width, height) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    return canvas.getContext("2d", { alpha: false });
  };
  const keyed = surface(key.length / 4, 1);
  keyed.putImageData(new ImageData(new Uint8ClampedArray(key), key.length / 4, 1), 0, 0);
  const shown = surface(colours.length * side, side);
  for (const [n, colour] of colours.entries()) {
    shown.fillStyle = colour;
    shown.fillRect(n * side, 0, side, side);
  }
  keyed.canvas.toDataURL("image/jpeg");
  return shown.canvas.toDataURL("image/jpeg").split(",", 2)[1];
})"""


async def gives_raw_frames(memory: FrameMemory, evaluate: Callable[[str], Awaitable[Any]]) -> bool:
    """Return whether the browser answers a request with the right frame.

    Args:
        memory: The memory that the browser was started with.
        evaluate: Evaluates an expression in an empty page of the browser.
    """
    key = memory.request((len(_COLOURS) * _SIDE, _SIDE))
    arguments = (key_pixels(key), list(_COLOURS), _SIDE)
    answer = await evaluate(f"{_SCRIPT}(...{json.dumps(arguments)})")
    return memory.take(base64.b64decode(answer)) == _expected()


def key_pixels(key: bytes) -> list[int]:
    """Return a key as red, green, blue and alpha of its pixels."""
    return [value for at in range(0, len(key), 3) for value in (*key[at : at + 3], 255)]


def _expected() -> bytes:
    luma = b"".join(bytes([y]) * _SIDE for y, _, _ in _COLOURS.values()) * _SIDE
    u, v = (bytes(colour[plane] for colour in _COLOURS.values()) for plane in (1, 2))
    return luma + u + v
