"""CSS transitions, and their triggers."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


def _rules(draw: Draw, name: str) -> tuple[str, str]:
    """Draw a transition: declarations of the element, and the rule that triggers it."""
    changes = [draw.change() for _ in range(draw.whole(1, 3))]
    start = "; ".join(f"{key}: {value}" for key, value, _ in changes)
    end = "; ".join(f"{key}: {value}" for key, _, value in changes)
    delay = draw.pick(0, 0, draw.ms(0, 300), -draw.ms(0, 200))
    style = f"{start}; transition: all {draw.ms(100, 900)}ms {draw.easing()} {delay}ms"
    return style, f"&.{name} {{ {end} }}\n"


@effect(weight=3)
def transition_by_timer(draw: Draw) -> Part:
    name = f"{draw.id}_t"
    style, css = _rules(draw, name)
    return Part(
        style=style,
        css=css,
        script=f'setTimeout(() => e.classList.add("{name}"), {draw.pick(0, 16, draw.ms())});\n',
    )


@effect(weight=1.5)
def transition_turned_back(draw: Draw) -> Part:
    name = f"{draw.id}_b"
    style, css = _rules(draw, name)
    return Part(
        style=style,
        css=css,
        script=f'setInterval(() => e.classList.toggle("{name}"), {draw.ms(60, 500) + 1});\n',
    )


@effect(weight=1)
def transition_by_frame(draw: Draw) -> Part:
    name = f"{draw.id}_r"
    style, css = _rules(draw, name)
    return Part(
        style=style,
        css=css,
        script=f"""const at = {draw.ms()};
const f = (t) => (t >= at ? e.classList.add("{name}") : requestAnimationFrame(f));
requestAnimationFrame(f);
""",
        stateful=True,
    )


@effect(weight=1)
def transition_after_reading(draw: Draw) -> Part:
    """Trigger a transition in one script: set a style, read it, set another one."""
    name, start, end = draw.change()
    return Part(
        style=f"transition: {name} {draw.ms(100, 900)}ms {draw.easing()}",
        script=f"""setTimeout(() => {{
  e.style.setProperty("{name}", "{start}");
  getComputedStyle(e).getPropertyValue("{name}");
  e.style.setProperty("{name}", "{end}");
}}, {draw.pick(0, draw.ms())});
""",
    )


@effect(weight=1)
def starting_style(draw: Draw) -> Part:
    name, start, end = draw.change()
    return Part(
        style=f"{name}: {end}; transition: {name} {draw.ms(100, 900)}ms {draw.easing()}",
        css=f"@starting-style {{ & {{ {name}: {start} }} }}\n",
    )


@effect(weight=0.7)
def display_transition(draw: Draw) -> Part:
    name = f"{draw.id}_d"
    return Part(
        style=f"transition: opacity {draw.ms(100, 700)}ms linear, display {draw.ms(100, 700)}ms"
        " allow-discrete",
        css=f"&.{name} {{ opacity: 0; display: none }}\n"
        f"@starting-style {{ & {{ opacity: {draw.number(0, 1)} }} }}\n",
        script=f'setInterval(() => e.classList.toggle("{name}"), {draw.ms(150, 600) + 1});\n',
    )


@effect(weight=0.7)
def transition_in_sequence(draw: Draw) -> Part:
    first, second = draw.change(), draw.change()
    return Part(
        style=f"{first[0]}: {first[1]}; {second[0]}: {second[1]};"
        f" transition: all {draw.ms(80, 300)}ms {draw.easing()}",
        script=f"""setTimeout(() => e.style.setProperty("{first[0]}", "{first[2]}"), {draw.ms(0, 300)});
e.addEventListener("transitionend", () => e.style.setProperty("{second[0]}", "{second[2]}"));
""",
    )
