"""Boxes, and boxes that contain others."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part


def tag(draw: Draw, inside: str = "", *, name: str = "div", attributes: str = "") -> str:
    """Return an element's markup, by default a `div`."""
    return f'<{name} id="{draw.id}" {attributes}>{inside}</{name}>\n'


def ground(draw: Draw) -> str:
    """Draw declarations for a background."""
    return f"background: {draw.pick(draw.color(), draw.color(), draw.gradient())}"


@element(weight=4)
def box(draw: Draw, inside: Part) -> Part:
    border = f"; border: {draw.px(1, 5)} {draw.pick('solid', 'dashed', 'double')} {draw.color()}"
    radius = f"; border-radius: {draw.pick('0', '8px', '50%', '4px 20px')}"
    return Part(
        html=tag(draw, draw.pick("", "", "Box", "fuzz 12")),
        style=f"{draw.place()}; {ground(draw)}{draw.pick('', border)}{draw.pick('', radius)}",
    )


@element(weight=1)
def generated_content(draw: Draw, inside: Part) -> Part:
    name, start, end = draw.change()
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; {ground(draw)}",
        css=f"""&::before {{ content: "{draw.pick("", "A", "42")}"; position: absolute; inset: 4px;
  background: {draw.color()}; animation: {draw.id}_b {draw.ms(200, 1200)}ms {draw.easing()} both }}
@keyframes {draw.id}_b {{ from {{ {name}: {start} }} to {{ {name}: {end} }} }}
""",
    )


@element(weight=1)
def staggered_list(draw: Draw, inside: Part) -> Part:
    name, start, end = draw.change()
    items = "".join(f"<li style='--i:{i}'>{draw.pick('one', 'two', '·')}</li>" for i in range(4))
    step, duration = draw.ms(30, 150), draw.ms(150, 600)
    return Part(
        html=tag(draw, items, name="ul"),
        style=f"{draw.place()}; display: {draw.pick('flex', 'grid', 'block')}; margin: 0; padding: 0;"
        " list-style: none; gap: 3px",
        css=f"""& li {{ background: {draw.color()}; min-width: 9px; min-height: 9px;
  animation: {draw.id}_l {duration}ms {draw.easing()} calc(var(--i) * {step}ms) both }}
@keyframes {draw.id}_l {{ from {{ {name}: {start} }} to {{ {name}: {end} }} }}
""",
    )


@element(weight=1)
def form_controls(draw: Draw, inside: Part) -> Part:
    controls = draw.pick(
        f'<progress value="{draw.number(0, 1)}"></progress>',
        f'<meter value="{draw.number(0, 1)}"></meter>',
        '<input type="checkbox" checked><input type="radio">',
        '<input type="range" value="30">',
        "<button>Press</button><select><option>First</select>",
        '<textarea rows="2" cols="9">two\nlines</textarea>',
        "<details open><summary>More</summary>of it</details>",
        "<fieldset><legend>Legend</legend>field</fieldset>",
    )
    return Part(html=tag(draw, controls), style=draw.place())


@element(weight=2, holds=True)
def group(draw: Draw, inside: Part) -> Part:
    return Part(html=tag(draw, inside.html), style=f"{draw.place()}; {draw.pick('', ground(draw))}")


@element(weight=1.5, holds=True)
def clipped_group(draw: Draw, inside: Part) -> Part:
    clip = draw.pick(
        f"overflow: {draw.pick('hidden', 'clip')}; border-radius: {draw.whole(0, 30)}px",
        f"clip-path: circle({draw.whole(20, 60)}%)",
        "contain: paint",
        "overflow: auto; scrollbar-width: none",
    )
    return Part(html=tag(draw, inside.html), style=f"{draw.place()}; {ground(draw)}; {clip}")


@element(weight=1.5, holds=True)
def layer_group(draw: Draw, inside: Part) -> Part:
    """Create a group that the browser draws separately, before compositing it."""
    layer = draw.pick(
        f"opacity: {draw.number(0.3, 0.95)}",
        "isolation: isolate",
        f"filter: {draw.filter()}",
        f"mix-blend-mode: {draw.pick('multiply', 'screen', 'difference', 'overlay')}",
        f"mask: linear-gradient({draw.whole(0, 360)}deg, #000, #0003)",
    )
    return Part(html=tag(draw, inside.html), style=f"{draw.place()}; {ground(draw)}; {layer}")


@element(weight=1.5, holds=True)
def transformed_group(draw: Draw, inside: Part) -> Part:
    style = draw.pick(
        f"transform: {draw.transform()}",
        f"scale: {draw.number(0.5, 1.9)}; rotate: {draw.number(-40, 40, 1)}deg",
        f"perspective: {draw.whole(150, 500)}px; transform-style: preserve-3d",
        f"transform: {draw.transform_3d()}; transform-style: preserve-3d",
        f"zoom: {draw.number(0.6, 1.7)}",
    )
    return Part(html=tag(draw, inside.html), style=f"{draw.place()}; {ground(draw)}; {style}")


@element(weight=0.7, holds=True)
def flowing_group(draw: Draw, inside: Part) -> Part:
    """Create a group whose children are laid out in its flow."""
    return Part(
        html=tag(draw, inside.html),
        style=f"{draw.place()}; display: {draw.pick('flex', 'grid', 'flow-root')}; gap: 4px;"
        f" {ground(draw)}",
        css="& > * { position: relative !important; left: auto !important; top: auto !important }\n",
    )
