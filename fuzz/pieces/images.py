"""Images without animation."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect, element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag

_STILL_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">
<rect width="60" height="40" fill="{0}"/><circle cx="25" cy="20" r="15" fill="{1}"/></svg>
"""


def picture(draw: Draw) -> tuple[str, Part]:
    """Draw an image: its address, and a part with its file."""
    if draw.chance(0.6):
        name = draw.pick("photo.jpg", "noise.png", "small.png", "photo.webp")
        return name, Part(media=frozenset({name}))
    name = f"{draw.id}.svg"
    return name, Part(files={name: _STILL_SVG.format(draw.color(), draw.color())})


@element(weight=2)
def image(draw: Draw, inside: Part) -> Part:
    url, part = picture(draw)
    loading = draw.pick("", "", 'loading="lazy"', 'decoding="async"', 'decoding="sync"')
    fit = draw.pick("fill", "cover", "contain", "none")
    rendering = draw.pick("auto", "auto", "pixelated")
    return part + Part(
        html=tag(draw, name="img", attributes=f'src="{url}" {loading}').replace("</img>", ""),
        style=f"{draw.place()}; object-fit: {fit}; image-rendering: {rendering}",
    )


@element(weight=1)
def background_image(draw: Draw, inside: Part) -> Part:
    url, part = picture(draw)
    size = draw.pick("cover", "contain", f"{draw.px(8, 50)}", "auto")
    border = f"border: 9px solid; border-image: url({url}) {draw.whole(4, 20)} {draw.pick('round', 'stretch')}"
    return part + Part(
        html=tag(draw),
        style=f"{draw.place()}; {draw.pick(f'background: url({url})', border)}; background-size: {size}",
    )


@element(weight=1)
def image_by_script(draw: Draw, inside: Part) -> Part:
    url, part = picture(draw)
    how = draw.pick(
        f'const i = new Image(); i.src = "{url}"; i.onload = () => e.append(i)',
        f'const i = new Image(); i.src = "{url}"; i.decode().then(() => e.append(i))',
        f'fetch("{url}").then((r) => r.blob()).then((b) => {{ const i = new Image();'
        " i.src = URL.createObjectURL(b); e.append(i) })",
    )
    at = draw.pick(None, draw.ms())
    return part + Part(
        html=tag(draw),
        style=f"{draw.place()}; overflow: hidden",
        script=f"{how};\n" if at is None else f"setTimeout(() => {{ {how} }}, {at});\n",
    )


@effect(weight=0.7)
def image_changed_by_timer(draw: Draw) -> Part:
    url, part = picture(draw)
    return part + Part(
        script=f'setTimeout(() => (e.tagName === "IMG" ? (e.src = "{url}") :'
        f' (e.style.backgroundImage = "url({url})")), {draw.ms()});\n'
    )
