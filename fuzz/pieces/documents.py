"""Documents and shadow trees inside the page."""

import html

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import ground, tag

_INNER = """<!doctype html><meta charset="utf-8">
<style>body {{ margin: 0; overflow: hidden; background: {color}; font: 13px "DejaVu Sans" }}
{css}</style><body>
{html}<script>
const root = document;
const find = (id) => root.getElementById(id);
{script}</script></body>
"""


def _document(draw: Draw, inside: Part) -> str:
    return _INNER.format(color=draw.color(), css=inside.css, html=inside.html, script=inside.script)


@element(weight=1, boundary=True)
def frame_of_a_file(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}.html"
    return Part(
        html=tag(draw, name="iframe", attributes=f'src="{name}"'),
        style=f"{draw.place()}; border: {draw.pick('0', '2px inset')}",
        files={name: _document(draw, inside)},
    )


@element(weight=1, boundary=True)
def frame_of_markup(draw: Draw, inside: Part) -> Part:
    document = html.escape(_document(draw, inside))
    sandbox = draw.pick("", "", 'sandbox="allow-scripts"')
    # A sandboxed frame has another origin, without access to fonts and scripts of workers.
    if "serif.ttf" in inside.media or any(name.endswith(".js") for name in inside.files):
        sandbox = ""
    return Part(
        html=tag(draw, name="iframe", attributes=f'srcdoc="{document}" {sandbox}'),
        style=f"{draw.place()}; border: 0",
    )


@element(weight=0.7, boundary=True)
def frame_by_timer(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}.html"
    return Part(
        html=tag(draw),
        style=draw.place(),
        files={name: _document(draw, inside)},
        script=f"""setTimeout(() => {{
  const frame = document.createElement("iframe");
  frame.src = "{name}";
  frame.style.cssText = "border: 0; width: 90px; height: 60px";
  e.append(frame);
}}, {draw.ms(20, 700)});
""",
    )


def _behaviour(inside: Part) -> str:
    """Return statements for the elements inside of the shadow root `shadow`."""
    return f"""{{ const root = shadow;
const find = (id) => root.getElementById(id);
{inside.script} }}
"""


@element(weight=1, boundary=True)
def shadow_tree(draw: Draw, inside: Part) -> Part:
    content = f"<style>{inside.css}</style>{inside.html}".replace("`", "\\`").replace("${", "\\${")
    mode = draw.pick("open", "closed")
    # `innerHTML` makes no shadow trees of templates.
    fill = (
        f"shadow.setHTMLUnsafe(`{content}`)"
        if "shadowrootmode" in content
        else f"shadow.innerHTML = `{content}`"
    )
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; {ground(draw)}",
        script=f"""const shadow = e.attachShadow({{ mode: "{mode}" }});
{fill};
{_behaviour(inside)}""",
    )


@element(weight=1, boundary=True)
def declared_shadow_tree(draw: Draw, inside: Part) -> Part:
    # Scripts reach the content of open trees only.
    mode = "open" if inside.script else draw.pick("open", "closed")
    tree = f'<template shadowrootmode="{mode}"><style>{inside.css}</style>{inside.html}</template>'
    behaviour = f"const shadow = e.shadowRoot;\n{_behaviour(inside)}" if inside.script else ""
    return Part(html=tag(draw, tree), style=f"{draw.place()}; {ground(draw)}", script=behaviour)


@element(weight=0.7)
def custom_element(draw: Draw, inside: Part) -> Part:
    name = f"x-{draw.id}"
    return Part(
        html=tag(draw, "slotted", name=name),
        style=draw.place(),
        script=f"""customElements.define("{name}", class extends HTMLElement {{
  connectedCallback() {{
    const tree = this.attachShadow({{ mode: "open" }});
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("div {{ background: {draw.color()}; animation: m {draw.ms(200, 1200)}ms linear both }}"
      + " @keyframes m {{ to {{ transform: {draw.transform()} }} }}");
    tree.adoptedStyleSheets = [sheet];
    tree.innerHTML = "<div><slot></slot></div>";
  }}
}});
""",
    )
