"""Reads a Lottie animation, and takes out what the renderer doesn't run."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from helios.contract.frame_rate import MAX_FPS, frame_rate
from helios.contract.strict_json import parse_json
from helios.errors import CompositionInvalid

#: Layers that an animation may have once all that it nests is counted.
_MOST_LAYERS = 100_000
_LONGEST = 24 * 60 * 60
#: Effects that lottie-web draws as SVG. Those of type 5 with such names serve expressions alone.
_EFFECTS = frozenset({20, 21, 22, 23, 24, 25, 28, 29, 35})
_CONTROL = re.compile(r"ADBE .* Control|ADBE .* Controls", re.IGNORECASE)
_LAYERS: dict[float, str] = {6: "sound", 9: "videos", 13: "cameras", 14: "lights", 15: "data files"}
_SCRIPT_FONTS = (2, "t")
_STYLE_FONTS = (1, "g", "p")


@dataclass(frozen=True)
class LottieAnimation:
    """An animation that is checked.

    Attributes:
        data: The animation as JSON has it, without expressions, and without addresses of its fonts.
        width, height: Pixels.
        rate: Frames per second.
        seconds: Length of one round.
        ignored: Features of the file that aren't drawn.
        sheets: Addresses of style sheets that declare fonts.
        fonts: Addresses of font files, by family.
        families: All families that text is set in, each once.
    """

    data: dict[str, Any]
    width: int
    height: int
    rate: Fraction
    seconds: Fraction
    ignored: tuple[str, ...]
    sheets: tuple[str, ...]
    fonts: dict[str, str]
    families: tuple[str, ...]


def read_animation(name: str, text: bytes) -> LottieAnimation:
    """Return the animation of a JSON text.

    Raises:
        CompositionInvalid: It isn't JSON, or no Lottie animation, or one that would never be drawn.
    """
    try:
        data = parse_json(text)
    except ValueError as fault:
        raise CompositionInvalid(f"{name}: isn't valid JSON ({fault})") from fault
    if isinstance(data, dict) and "chunks" in data and "mergeCommand" in data:
        raise CompositionInvalid(f"{name}: is a job spec", hint=f"orchestrator run {name}")
    if not isinstance(data, dict) or not isinstance(data.get("layers"), list):
        raise CompositionInvalid(f"{name}: isn't a Lottie animation: it has no layers")
    first, last, given = (_number(name, data, key) for key in ("ip", "op", "fr"))
    # After Effects writes rates as numbers of 32 bits: 29.9700012207031.
    exact = given.limit_denominator(1001)
    if not 0 < exact <= MAX_FPS:
        raise CompositionInvalid(f"{name}: its rate is {float(given):g} frames per second")
    rate = frame_rate(exact)
    if not 0 < (last - first) / rate <= _LONGEST:
        raise CompositionInvalid(f"{name}: it begins at frame {first} and ends at {last}")
    width, height = (math.ceil(_number(name, data, key)) for key in ("w", "h"))
    if min(width, height) < 1:
        raise CompositionInvalid(f"{name}: its size is {width} x {height}")
    _check_nesting(name, data)
    sheets, fonts, families = _take_fonts(data)
    ignored = sorted({*_take_expressions(data), *_undrawn(data)})
    data["assets"] = [one for one in _assets(data) if one.get("t") != 3]  # read by expressions
    return LottieAnimation(
        data,
        width,
        height,
        rate,
        (last - first) / rate,
        tuple(ignored),
        tuple(sheets),
        fonts,
        tuple(families),
    )


def _number(name: str, data: dict[str, Any], key: str) -> Fraction:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CompositionInvalid(f"{name}: isn't a Lottie animation: `{key}` is no number")
    return Fraction(str(value))


def _assets(data: dict[str, Any]) -> list[dict[str, Any]]:
    assets = data.get("assets")
    return [one for one in assets if isinstance(one, dict)] if isinstance(assets, list) else []


def _layers(holder: dict[str, Any]) -> list[dict[str, Any]]:
    layers = holder.get("layers")
    return [one for one in layers if isinstance(one, dict)] if isinstance(layers, list) else []


def _check_nesting(name: str, data: dict[str, Any]) -> None:
    """Refuse compositions that hold themselves, or so many others that nothing draws them."""
    nested = {str(one.get("id")): one for one in _assets(data) if "layers" in one}
    counts: dict[str, int] = {}

    def count(holder: dict[str, Any], above: tuple[str, ...]) -> int:
        total = 0
        for layer in _layers(holder):
            total += 1
            inner = str(layer.get("refId", ""))
            if inner not in nested:
                continue
            if inner in above:
                raise CompositionInvalid(f"{name}: its composition {inner!r} holds itself")
            if inner not in counts:
                counts[inner] = count(nested[inner], (*above, inner))
            total += counts[inner]
        return total

    try:
        layers = count(data, ())
    except RecursionError:
        layers = _MOST_LAYERS + 1
    if layers > _MOST_LAYERS:
        raise CompositionInvalid(f"{name}: has more than {_MOST_LAYERS} layers")


def _objects(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all objects of a JSON text."""
    stack: list[Any] = [data]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            yield one
            stack += one.values()
        elif isinstance(one, list):
            stack += one


def _take_expressions(data: dict[str, Any]) -> list[str]:
    """Take out the scripts that After Effects calls expressions: a file must not run any."""
    found = [one for one in _objects(data) if isinstance(one.get("x"), str)]
    for one in found:
        del one["x"]
    return ["expressions"] if found else []


def _undrawn(data: dict[str, Any]) -> Iterator[str]:
    for holder in (data, *_assets(data)):
        for layer in _layers(holder):
            kind = layer.get("ty")
            if isinstance(kind, int | float) and kind in _LAYERS:
                yield _LAYERS[kind]
            if layer.get("ddd") == 1:
                yield "depth (3D layers)"
            effects = layer.get("ef")
            for effect in effects if isinstance(effects, list) else []:
                if isinstance(effect, dict) and _is_undrawn(effect):
                    yield f"the effect {effect.get('nm') or effect.get('mn') or effect.get('ty')}"
    if any(one.get("ty") == "mm" for one in _objects(data)):
        yield "merged paths"


def _is_undrawn(effect: dict[str, Any]) -> bool:
    kind, enabled = effect.get("ty"), effect.get("en") != 0
    is_control = kind != 5 or _CONTROL.fullmatch(str(effect.get("mn", ""))) is not None
    drawn = kind in _EFFECTS if isinstance(kind, int) and kind >= 20 else is_control
    return enabled and not drawn


def _take_fonts(data: dict[str, Any]) -> tuple[list[str], dict[str, str], list[str]]:
    """Take out the addresses of fonts: the page declares and awaits them itself."""
    fonts = data.get("fonts")
    listed = fonts.get("list") if isinstance(fonts, dict) else None
    sheets, files, families = [], {}, []
    for font in listed if isinstance(listed, list) else []:
        if not isinstance(font, dict):
            continue
        family, address = font.get("fFamily"), font.get("fPath")
        origin = font.get("fOrigin") or font.get("origin")
        if isinstance(family, str) and family and not data.get("chars"):
            families.append(family)
            if isinstance(address, str) and address and origin not in _SCRIPT_FONTS:
                if origin in _STYLE_FONTS:
                    sheets.append(address)
                else:
                    files[family] = address
        font["fPath"], font["fOrigin"], font["origin"] = "", "", 0
    return sheets, files, list(dict.fromkeys(families))
