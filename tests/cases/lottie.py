"""Lottie: animations show as lottie-web draws them, at the frame of their own rate."""

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from tests.cases.case import CASES, Case, Check
from tests.cases.shown import BLUE, GREEN, HEIGHT, RED, WHITE, WIDTH, Colour, Shown, mixed, near

Json = dict[str, Any]


def value(number: Any) -> Json:
    """Return a property that stays."""
    return {"a": 0, "k": number}


def moving(*keys: tuple[float, Any], holds: bool = False) -> Json:
    """Return a property by its values at frames, between which it is linear, or holds."""
    frames: list[Json] = []
    for frame, number in keys:
        one: Json = {"t": frame, "s": number if isinstance(number, list) else [number]}
        one |= {"h": 1} if holds else {"i": {"x": [1], "y": [1]}, "o": {"x": [0], "y": [0]}}
        frames.append(one)
    return {"a": 1, "k": frames}


def transform(**own: Json) -> Json:
    still: Json = {
        "o": value(100),
        "r": value(0),
        "p": value([0, 0, 0]),
        "a": value([0, 0, 0]),
        "s": value([100, 100, 100]),
    }
    return {**still, **own}


def fill(colour: Colour) -> Json:
    return {"ty": "fl", "c": value([*(one / 255 for one in colour), 1]), "o": value(100), "r": 1}


def layer(kind: int, *, ip: float = 0, op: float = 100, ks: Json | None = None, **own: Any) -> Json:
    return {"ty": kind, "ip": ip, "op": op, "st": 0, "sr": 1, "ks": ks or transform(), **own}


def shapes(*items: Json, **own: Any) -> Json:
    group = {"ty": "gr", "it": [*items, {"ty": "tr", **transform()}]}
    return layer(4, shapes=[group], **own)


def rectangle(width: float, height: float, at: tuple[float, float] = (0, 0)) -> Json:
    """Return a path, its middle at a point."""
    return {"ty": "rc", "d": 1, "s": value([width, height]), "p": value([*at]), "r": value(0)}


def box(colour: Colour, position: Json, **own: Any) -> Json:
    """Return a square of 40 pixels whose upper left corner is at a position."""
    ks = transform(p=position, a=value([-20, -20, 0]))
    return shapes(rectangle(40, 40), fill(colour), ks=ks, **own)


def animation(*layers: Json, frames: float, fps: float, **own: Any) -> Json:
    """Return an animation; the first layer lies above the others."""
    numbered = [{"ind": number, **one} for number, one in enumerate(layers, 1)]
    facts = {"v": "5.13.0", "fr": fps, "ip": 0, "op": frames, "w": WIDTH, "h": HEIGHT}
    return {**facts, "assets": [], "layers": numbered, **own}


def lottie(
    file: Json | bytes,
    *,
    frames: int,
    fps: float = 10,
    files: Mapping[str, bytes] | None = None,
    **options: Any,
) -> Callable[[Check], Check]:
    """Register a check as a case, with the animation or archive that it is for."""
    name = "file.lottie" if isinstance(file, bytes) else "file.json"
    content = file if isinstance(file, bytes) else json.dumps(file)

    def register(check: Check) -> Check:
        title = f"lottie-{check.__name__.replace('_', '-')}"
        CASES[title] = Case(
            name=title,
            check=check,
            seconds=float(frames / Fraction(str(fps))),
            rate=Fraction(str(fps)),
            source=name,
            files={**(files or {}), name: content},
            **options,
        )
        return check

    return register


def archive(names: Mapping[str, Json | bytes]) -> bytes:
    """Return a ZIP file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in names.items():
            packed.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return data.getvalue()


def png(colour: Colour, size: tuple[int, int] = (40, 40)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "png")
    return data.getvalue()


_MOVES = moving((0, [0, 20, 0]), (10, [100, 20, 0]))


def _lefts(shown: Shown, colour: Colour = RED) -> list[float]:
    return shown.left(40, colour, range(len(shown.frames)))


@lottie(
    animation(
        box(RED, moving((30, [0, 20, 0]), (40, [100, 20, 0])), ip=0, op=60),
        frames=40,
        fps=10,
        ip=30,
    ),
    frames=10,
)
def the_first_frame_is_its_in_point(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(10)], 1)


@lottie(animation(box(RED, _MOVES), frames=24, fps=24), frames=30, fps=30)
def another_rate_shows_what_lies_between_its_frames(shown: Shown) -> None:
    wanted = [min(10 * frame * 24 / 30, 100) for frame in range(30)]
    assert _lefts(shown) == near(wanted, 1)


@lottie(animation(box(RED, _MOVES, op=10), frames=10, fps=10), frames=25, transparent=True)
def its_last_frame_is_drawn_and_then_it_begins_again(shown: Shown) -> None:
    once = [10 * frame for frame in range(10)]
    assert _lefts(shown) == near((once * 3)[:25], 1)
    assert shown.frames[4, 85, 5, 3] == 0


@lottie(
    animation(
        box(RED, moving(*((n, [4 * n, 20, 0]) for n in range(20)), holds=True), op=20),
        frames=20,
        fps=29.97,
    ),
    frames=20,
    fps=29.97,
)
def each_frame_is_exact_at_29_97(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * frame for frame in range(20)], 1)


@lottie(
    animation(layer(1, sw=WIDTH, sh=HEIGHT, sc="#cc0000"), frames=3, fps=10),
    frames=3,
    size=(WIDTH * 2, HEIGHT),
)
def another_aspect_leaves_margins(shown: Shown) -> None:
    assert shown.frames.shape[1:3] == (HEIGHT, WIDTH * 2)
    row = shown.frames[1, 40, :, :3].astype(int)
    red = np.flatnonzero((np.abs(row - RED) < 10).all(axis=1))
    assert (red[0], red[-1]) == (WIDTH // 2, WIDTH * 3 // 2 - 1)


_IMAGE = {"id": "a", "w": 40, "h": 40}


def _shows_image(asset: Json) -> Json:
    picture = layer(2, refId="a", ks=transform(p=_MOVES))
    return animation(picture, frames=10, fps=10, assets=[_IMAGE | asset])


@lottie(
    _shows_image({"u": "pictures/", "p": "a.png", "e": 0}),
    frames=5,
    files={"pictures/a.png": png(RED)},
)
def an_image_beside_the_file(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(5)], 1)


_DATA = f"data:image/png;base64,{base64.b64encode(png(BLUE)).decode()}"


@lottie(_shows_image({"u": "", "p": _DATA, "e": 1}), frames=5)
def an_image_in_the_file(shown: Shown) -> None:
    assert _lefts(shown, BLUE) == near([10 * frame for frame in range(5)], 1)


def _two(folder: str, pictures: str, version: str) -> bytes:
    return archive(
        {
            "manifest.json": {"version": version, "animations": [{"id": "one"}, {"id": "two"}]},
            f"{folder}/one.json": animation(box(RED, _MOVES), frames=10, fps=10),
            f"{folder}/two.json": _shows_image({"u": "", "p": "a.png", "e": 0}),
            f"{pictures}/a.png": png(GREEN),
        }
    )


@lottie(_two("animations", "images", "1"), frames=5)
def an_archive_shows_its_first_animation(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(5)], 1)


@lottie(_two("a", "i", "2"), frames=5, composition_id="two")
def an_animation_is_chosen_by_its_id(shown: Shown) -> None:
    assert _lefts(shown, GREEN) == near([10 * frame for frame in range(5)], 1)


@lottie(
    archive(
        {
            "manifest.json": {
                "version": "2",
                "animations": [{"id": "one", "loop": False, "background": "#0066cc"}],
            },
            "a/one.json": animation(box(RED, _MOVES), frames=5, fps=10),
        }
    ),
    frames=8,
)
def a_manifest_says_ground_and_rounds(shown: Shown) -> None:
    assert _lefts(shown) == near([0, 10, 20, 30, 40, 50, 50, 50], 1)
    assert shown.colour(3, 150, 80) == near(list(BLUE), 5)


@lottie(
    animation(
        layer(0, refId="inner", w=WIDTH, h=HEIGHT, st=5, sr=2, op=100),
        frames=30,
        fps=10,
        assets=[{"id": "inner", "layers": [box(RED, _MOVES, op=10) | {"ind": 1}]}],
    ),
    frames=30,
)
def a_composition_in_it_is_stretched_in_time(shown: Shown) -> None:
    lefts = shown.left(40, RED, (5, 10, 20, 24))
    assert lefts == near([0, 25, 75, 95], 2)
    assert shown.area(RED, [4, 25]) == [0, 0]


@lottie(
    animation(
        shapes(
            {
                "ty": "sh",
                "ks": value(
                    {"c": False, "v": [[0, 45], [160, 45]], "i": [[0, 0]] * 2, "o": [[0, 0]] * 2}
                ),
            },
            {
                "ty": "st",
                "c": value([0.8, 0, 0, 1]),
                "o": value(100),
                "w": value(20),
                "lc": 1,
                "lj": 1,
            },
            {"ty": "tm", "s": value(0), "e": moving((0, 0), (10, 100)), "o": value(0), "m": 1},
        ),
        frames=10,
        fps=10,
    ),
    frames=10,
)
def a_path_is_trimmed(shown: Shown) -> None:
    assert shown.width(45, RED, (0, 5, 9)) == near([0, 80, 144], 2)


@lottie(
    animation(
        layer(
            1,
            sw=WIDTH,
            sh=HEIGHT,
            sc="#cc0000",
            hasMask=True,
            masksProperties=[
                {
                    "inv": False,
                    "mode": "a",
                    "pt": value(
                        {
                            "c": True,
                            "v": [[20, 20], [60, 20], [60, 60], [20, 60]],
                            "i": [[0, 0]] * 4,
                            "o": [[0, 0]] * 4,
                        }
                    ),
                    "o": value(100),
                    "x": value(0),
                }
            ],
        ),
        frames=3,
        fps=10,
    ),
    frames=3,
)
def a_layer_is_masked(shown: Shown) -> None:
    assert shown.area(RED, [1]) == near([1600], 30)
    assert shown.colour(1, 21, 21) == near(list(RED), 5)


@lottie(
    animation(
        box(WHITE, value([50, 20, 0]), td=1),
        layer(1, sw=WIDTH, sh=HEIGHT, sc="#00a000", tt=1),
        frames=3,
        fps=10,
    ),
    frames=3,
)
def a_matte_cuts_a_layer(shown: Shown) -> None:
    assert shown.width(40, GREEN, [1]) == near([40], 1)


@lottie(
    animation(
        box(RED, value([0, 20, 0]), parent=2),
        layer(3, ks=transform(p=_MOVES)),
        frames=10,
        fps=10,
    ),
    frames=10,
)
def a_layer_follows_its_parent(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(10)], 1)


@lottie(
    animation(
        box(RED, {**_MOVES, "x": "throw new Error('an expression runs')"}),
        frames=5,
        fps=10,
    ),
    frames=5,
)
def expressions_dont_run(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(5)], 1)


_SHADOW = {
    "ty": 25,
    "nm": "Drop Shadow",
    "en": 1,
    "ef": [
        {"ty": 2, "v": value([0, 0.4, 0.8, 1])},
        {"ty": 0, "v": value(255)},
        {"ty": 0, "v": value(90)},
        {"ty": 0, "v": value(60)},
        {"ty": 0, "v": value(0)},
    ],
}


@lottie(animation(box(RED, value([0, 20, 0]), ef=[_SHADOW]), frames=3, fps=10), frames=3)
def an_effect_is_drawn(shown: Shown) -> None:
    assert shown.colour(1, 70, 40) == near(list(BLUE), 10)


@lottie(
    animation(
        shapes(
            rectangle(20, 20, (20, 45)),
            fill(RED),
            {
                "ty": "rp",
                "c": value(3),
                "o": value(0),
                "m": 1,
                "tr": {**transform(p=value([40, 0, 0])), "so": value(100), "eo": value(100)},
            },
        ),
        frames=3,
        fps=10,
    ),
    frames=3,
)
def a_shape_is_repeated(shown: Shown) -> None:
    assert shown.width(45, RED, [1]) == near([60], 3)


_APPEARS = transform(o=moving((0, 0), (10, 100)), p=value([20, 40, 0]))


@lottie(animation(shapes(rectangle(40, 40), fill(RED), ks=_APPEARS), frames=10, fps=10), frames=10)
def opacity_is_animated(shown: Shown) -> None:
    assert shown.colour(5, 20, 40) == near(mixed(RED, 0.5), 3)


def _text(font: Json) -> Json:
    document = {
        "s": {"s": 40, "f": "Own", "t": "MMMM", "j": 0, "fc": [0.8, 0, 0], "lh": 48},
        "t": 0,
    }
    words = layer(
        5, t={"d": {"k": [document]}, "p": {}, "m": {"g": 1, "a": value([0, 0])}, "a": []}
    )
    words["ks"] = transform(p=value([0, 60, 0]))
    listed = [{"fName": "Own", "fStyle": "Regular", "ascent": 75, **font}]
    return animation(words, frames=3, fps=10, fonts={"list": listed})


@lottie(
    _text({"fFamily": "Press Start", "fPath": "press.woff2", "origin": 3}),
    frames=3,
    libraries={
        "press.woff2": "@fontsource/press-start-2p/files/press-start-2p-latin-400-normal.woff2"
    },
)
def a_font_beside_the_file_is_awaited(shown: Shown) -> None:
    # Each of its letters is as wide as it is high.
    columns = np.flatnonzero((shown.frames[0, :, :, 1] < 100).any(axis=0))
    assert columns[-1] - columns[0] == near(155, 8)


@lottie(_text({"fFamily": "Liberation Sans", "fPath": "", "origin": 0}), frames=3)
def text_in_a_font_of_the_machine(shown: Shown) -> None:
    columns = np.flatnonzero((shown.frames[0, :, :, 1] < 100).any(axis=0))
    assert columns[-1] - columns[0] == near(130, 8)
