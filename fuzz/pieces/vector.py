"""SVG: in the page and in files, moved by CSS, by SMIL and by scripts."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag


def smil(draw: Draw) -> str:
    """Draw an SMIL animation for a shape."""
    duration, begin = f"{draw.ms(200, 1400)}ms", f"{draw.pick(0, draw.ms(0, 500))}ms"
    common = (
        f'dur="{duration}" begin="{begin}" fill="{draw.pick("freeze", "remove")}"'
        f' repeatCount="{draw.pick("1", "2", "indefinite")}"'
    )
    return draw.pick(
        f'<animate attributeName="x" from="0" to="{draw.whole(20, 60)}" {common}/>',
        f'<animate attributeName="fill" values="{draw.color()};#fff;{draw.color()}" {common}/>',
        f'<animate attributeName="opacity" values="0;1;0.3" keyTimes="0;0.3;1" {common}/>',
        f'<animateTransform attributeName="transform" type="rotate" from="0 30 20" to="{draw.whole(90, 360)} 30 20" {common}/>',
        f'<animateTransform attributeName="transform" type="scale" values="1;1.6;0.7" {common}/>',
        f'<animateMotion path="M 0 0 Q 30 40 50 5" rotate="{draw.pick("auto", "0")}" {common}/>',
        f'<set attributeName="fill" to="{draw.color()}" begin="{draw.ms()}ms"/>',
    )


def shapes(draw: Draw, *, moved: str = "") -> str:
    """Draw the content of an SVG image of 60 by 40."""
    ground = draw.pick("", f'<rect width="60" height="40" fill="{draw.color()}"/>')
    shape = draw.pick(
        f'<rect x="5" y="5" width="20" height="15" fill="{draw.color()}">{moved}</rect>',
        f'<circle cx="20" cy="18" r="12" fill="{draw.color()}" stroke="#000">{moved}</circle>',
        f'<path d="M 4 30 L 20 4 L 40 34 Z" fill="{draw.color()}">{moved}</path>',
        f'<text x="4" y="24" font-size="16" fill="{draw.color()}">SVG{moved}</text>',
        f'<g fill="{draw.color()}"><rect width="12" height="12"/><rect x="16" y="14" width="12"'
        f' height="12"/>{moved}</g>',
    )
    return f"{ground}{shape}"


def _svg(content: str, attributes: str = "") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40" {attributes}>{content}</svg>'
    )


@element(weight=1.5)
def svg_moved_by_css(draw: Draw, inside: Part) -> Part:
    name, start, end = draw.pick(
        ("transform", "none", draw.transform()),
        ("stroke-dashoffset", "0", f"{draw.whole(20, 90)}px"),
        ("fill", draw.color(), draw.color()),
        ("r", "4px", "18px"),
        ("d", 'path("M 0 0 L 30 30 L 0 30 Z")', 'path("M 10 0 L 50 20 L 0 40 Z")'),
        ("opacity", "0", "1"),
    )
    box = draw.pick("", "; transform-box: fill-box; transform-origin: center")
    return Part(
        html=tag(draw, _svg(shapes(draw))),
        style=draw.place(),
        css=f"""& svg > :last-child {{ stroke: #123; stroke-dasharray: 9 4{box};
  animation: {draw.id}_v {draw.ms(200, 1400)}ms {draw.easing()} {draw.ms(0, 300)}ms both }}
@keyframes {draw.id}_v {{ from {{ {name}: {start} }} to {{ {name}: {end} }} }}
""",
    )


@element(weight=1.5)
def svg_moved_by_smil(draw: Draw, inside: Part) -> Part:
    return Part(html=tag(draw, _svg(shapes(draw, moved=smil(draw)))), style=draw.place())


@element(weight=1)
def svg_document(draw: Draw, inside: Part) -> Part:
    """Show an animated SVG file in an element that loads it as a document."""
    moved = draw.pick(
        smil(draw),
        "<style>g, rect, circle, path { animation: m 0.9s linear infinite }"
        "@keyframes m { to { transform: translate(20px, 9px) } }</style>",
    )
    name = f"{draw.id}.svg"
    markup = draw.pick(
        f'<object data="{name}" type="image/svg+xml" width="60" height="40"></object>',
        f'<iframe src="{name}" width="60" height="40" style="border: 0"></iframe>',
        f'<embed src="{name}" width="60" height="40">',
    )
    return Part(
        html=tag(draw, markup),
        style=draw.place(),
        files={name: _svg(shapes(draw, moved=moved), 'width="60" height="40"')},
    )


@element(weight=1)
def svg_image(draw: Draw, inside: Part) -> Part:
    """Show an animated SVG file as an image."""
    moved = draw.pick(
        smil(draw),
        "<style>g, rect, circle, path { animation: m 0.9s linear infinite }"
        "@keyframes m { to { transform: translate(20px, 9px) } }</style>",
    )
    name = f"{draw.id}.svg"
    markup, style = draw.pick(
        (f'<img src="{name}">', ""),
        ("", f"; background: url({name})"),
        (f'<svg width="60" height="40"><image href="{name}" width="50" height="30"/></svg>', ""),
    )
    return Part(
        html=tag(draw, markup),
        style=f"{draw.place()}{style}",
        files={name: _svg(shapes(draw, moved=moved), 'width="60" height="40"')},
    )


@element(weight=1)
def svg_filter(draw: Draw, inside: Part) -> Part:
    primitive = draw.pick(
        f'<feTurbulence baseFrequency="0.0{draw.whole(2, 9)}" seed="{draw.whole(1, 99)}"/>'
        '<feDisplacementMap in="SourceGraphic" scale="9"/>',
        f'<feGaussianBlur stdDeviation="{draw.whole(1, 4)}"/>',
        f'<feOffset dx="5" dy="3"/><feFlood flood-color="{draw.color()}"/><feComposite operator="in" in2="SourceGraphic"/>',
        '<feMorphology operator="dilate" radius="2"/>',
    )
    content = f'<filter id="{draw.id}f">{primitive}</filter><g filter="url(#{draw.id}f)">{shapes(draw, moved=draw.pick("", smil(draw)))}</g>'
    return Part(html=tag(draw, _svg(content)), style=draw.place())


@element(weight=1)
def svg_by_script(draw: Draw, inside: Part) -> Part:
    body = draw.pick(
        'shape.setAttribute("transform", `rotate(${t / 6} 30 20)`)',
        'shape.setAttribute("opacity", 1 - t / 1300)',
        "shape.style.transform = `translate(${t / 30}px)`",
        'shape.setAttribute("stroke-width", t / 200)',
    )
    return Part(
        html=tag(draw, _svg(shapes(draw))),
        style=draw.place(),
        script="const shape = e.firstElementChild.lastElementChild;\n"
        f"const f = (t) => {{ {body}; requestAnimationFrame(f) }};\nrequestAnimationFrame(f);\n",
    )


@element(weight=0.7)
def svg_text_on_path(draw: Draw, inside: Part) -> Part:
    content = (
        f'<path id="{draw.id}p" d="M 0 30 Q 30 0 60 30" fill="none" stroke="{draw.color()}"/>'
        f'<text font-size="9"><textPath href="#{draw.id}p">along it'
        f'<animate attributeName="startOffset" from="0%" to="60%" dur="{draw.ms(300, 1200)}ms"'
        ' fill="freeze"/></textPath></text>'
    )
    return Part(html=tag(draw, _svg(content)), style=draw.place())
