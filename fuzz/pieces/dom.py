"""Changes of the page's tree."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect, element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag
from fuzz.pieces.motion.animations import keyframes, timing


@element(weight=1.5)
def added_by_timer(draw: Draw, inside: Part) -> Part:
    name = f"{draw.id}_n"
    how = draw.pick(
        'const n = document.createElement("div"); n.textContent = "new"; e.append(n)',
        'e.innerHTML = "<div>new</div>"',
        'e.insertAdjacentHTML("beforeend", "<div>more</div>")',
        'e.append(e.querySelector("template").content.cloneNode(true))',
    )
    when = draw.pick("setTimeout", "setTimeout", "setInterval")
    return Part(
        html=tag(draw, "<template><div>copy</div></template>"),
        style=draw.place(),
        css=f"& div {{ background: {draw.color()}; animation: {name} {timing(draw)} }}\n"
        f"{keyframes(draw, name)}",
        script=f"{when}(() => {{ {how} }}, {draw.ms(20, 600) + 1});\n",
    )


@effect(weight=1)
def hidden_by_timer(draw: Draw) -> Part:
    name, value = draw.pick(
        ("display", "none"),
        ("visibility", "hidden"),
        ("content-visibility", "hidden"),
        ("opacity", "0"),
    )
    first = draw.ms(0, 400)
    return Part(
        script=f"""setTimeout(() => e.style.setProperty("{name}", "{value}"), {first});
setTimeout(() => e.style.removeProperty("{name}"), {first + draw.ms(60, 500) + 1});
"""
    )


@effect(weight=1)
def moved_in_the_tree(draw: Draw) -> Part:
    how = draw.pick(
        "e.parentNode.append(e)",
        "e.parentNode.prepend(e)",
        "const p = e.parentNode; e.remove(); p.append(e)",
        "const b = document.createElement('div'); e.before(b); b.append(e)",
    )
    return Part(script=f"setTimeout(() => {{ {how} }}, {draw.ms(30, 700)});\n")


@effect(weight=0.7)
def style_sheet_by_timer(draw: Draw) -> Part:
    name, _, end = draw.change()
    how = draw.pick(
        f'const s = document.createElement("style"); s.textContent = "#" + e.id + " {{ {name}: {end}'
        ' !important }"; root.getElementById(e.id).after(s)',
        f'e.setAttribute("style", "{name}: {end}")',
        f'document.documentElement.style.setProperty("--any", "{draw.color()}"); e.style.background = "var(--any)"',
    )
    return Part(script=f"setTimeout(() => {{ {how} }}, {draw.ms()});\n")


@element(weight=0.7)
def top_layer(draw: Draw, inside: Part) -> Part:
    name, opening = draw.pick(
        ("dialog", "show()"), ("dialog", "showModal()"), ("div", "showPopover()")
    )
    kind = "popover=manual" if name == "div" else ""
    change, start, end = draw.change()
    return Part(
        html=tag(draw, "on top", name=name, attributes=kind),
        css=f"&:is([open], :popover-open) {{ animation: {draw.id}_o {draw.ms(150, 700)}ms linear both }}\n"
        f"@keyframes {draw.id}_o {{ from {{ {change}: {start} }} to {{ {change}: {end} }} }}\n",
        script=f"setTimeout(() => e.{opening}, {draw.ms(0, 600)});\n",
    )


@element(weight=0.7)
def view_transition(draw: Draw, inside: Part) -> Part:
    return Part(
        html=tag(draw, "before"),
        style=f"{draw.place()}; background: {draw.color()}; view-transition-name: {draw.id}",
        css=f"::view-transition-group({draw.id}) {{ animation-duration: {draw.ms(150, 600)}ms }}\n",
        script=f"""setTimeout(() => document.startViewTransition(() => {{
  e.style.left = "20px";
  e.textContent = "after";
}}), {draw.ms(60, 500)});
""",
    )
