"""Static styles."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


@effect(weight=1.5)
def filtered(draw: Draw) -> Part:
    return Part(style=f"filter: {draw.filter()}")


@effect(weight=1)
def blended(draw: Draw) -> Part:
    mode = draw.pick(
        "multiply", "screen", "difference", "overlay", "hue", "color-dodge", "plus-lighter"
    )
    return Part(style=f"mix-blend-mode: {mode}")


@effect(weight=1)
def behind_filtered(draw: Draw) -> Part:
    return Part(style=f"backdrop-filter: {draw.filter()}; background: {draw.color()}80")


@effect(weight=1)
def clipped(draw: Draw) -> Part:
    path = draw.pick(
        draw.clip(),
        f"polygon(0 0, 100% {draw.whole(0, 60)}%, {draw.whole(40, 100)}% 100%, 0 80%)",
        f"circle({draw.whole(20, 60)}% at 40% 50%)",
        f"path('M 0 0 L {draw.whole(20, 80)} 5 Q 40 60 3 40 Z')",
    )
    return Part(style=f"clip-path: {path}")


@effect(weight=1)
def masked(draw: Draw) -> Part:
    mask = draw.pick(
        f"linear-gradient({draw.whole(0, 360)}deg, #000, transparent)",
        f"radial-gradient(circle, #000 {draw.whole(20, 50)}%, transparent 70%)",
        "conic-gradient(#000 70%, transparent)",
    )
    return Part(style=f"mask: {mask}")


@effect(weight=1)
def translucent(draw: Draw) -> Part:
    return Part(style=f"opacity: {draw.number(0.1, 0.95)}")


@effect(weight=1.5)
def transformed(draw: Draw) -> Part:
    style = draw.pick(
        f"transform: {draw.transform()}",
        f"transform: {draw.transform_3d()}",
        f"translate: {draw.px(-20, 20)} {draw.px(-20, 20)}",
        f"rotate: {draw.number(-90, 90, 1)}deg",
        f"scale: {draw.number(0.4, 2.2)}",
    )
    hidden = draw.pick("", "", "; backface-visibility: hidden")
    return Part(style=f"{style}{hidden}; transform-origin: {draw.pick('center', '0 0', '30% 80%')}")


@effect(weight=1)
def shadowed(draw: Draw) -> Part:
    return Part(style=f"box-shadow: {draw.pick('', 'inset ')}{draw.shadow()}")


@effect(weight=0.7)
def reflected(draw: Draw) -> Part:
    return Part(
        style=f"-webkit-box-reflect: below {draw.whole(0, 6)}px linear-gradient(#0000, #000a)"
    )


@effect(weight=1)
def layer_hint(draw: Draw) -> Part:
    hint = draw.pick(
        "transform", "opacity", "filter", "transform, opacity", "contents", "scroll-position"
    )
    return Part(style=f"will-change: {hint}")


@effect(weight=0.7)
def contained(draw: Draw) -> Part:
    style = draw.pick(
        "contain: layout paint", "contain: strict", "content-visibility: auto", "isolation: isolate"
    )
    return Part(style=style)
