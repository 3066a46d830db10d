"""Timers that change an element."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


def _change(draw: Draw) -> tuple[str, str]:
    """Draw two statements that set a style of `e`."""
    name, start, end = draw.change()
    return f'e.style.setProperty("{name}", "{start}")', f'e.style.setProperty("{name}", "{end}")'


@effect(weight=1.5)
def style_by_timer(draw: Draw) -> Part:
    first, second = _change(draw)
    return Part(
        script=f"setTimeout(() => {{ {first} }}, {draw.ms()});\n"
        f"setTimeout(() => {{ {second} }}, {draw.ms()});\n"
    )


@effect(weight=1.5)
def style_by_interval(draw: Draw) -> Part:
    first, second = _change(draw)
    clear = draw.pick("", f"setTimeout(() => clearInterval(id), {draw.ms(200, 900)});\n")
    return Part(
        script=f"let n = 0;\nconst id = setInterval(() => {{ if (n++ % 2) {{ {first} }} else"
        f" {{ {second} }} }}, {draw.ms(10, 300) + 1});\n{clear}"
    )


@effect(weight=1)
def steps_by_interval(draw: Draw) -> Part:
    step = draw.pick(
        "e.style.left = `${n * 3}px`",
        "e.style.rotate = `${n * 7}deg`",
        "e.style.opacity = 1 - (n % 10) / 12",
        "e.style.transform = `translate(${n}px) scale(${1 + n / 40})`",
        "e.style.width = `${20 + n * 2.5}px`",
    )
    return Part(
        script=f"let n = 0;\nsetInterval(() => {{ n++; {step} }}, {draw.ms(10, 120) + 1});\n"
    )


@effect(weight=1)
def chain_of_timers(draw: Draw) -> Part:
    return Part(
        script=f"""let n = 0;
const step = () => {{
  e.style.outline = `${{n++ % 6}}px solid {draw.color()}`;
  setTimeout(step, {draw.pick("n * 11", "40", "Math.random() * 120", "33.4")});
}};
step();
"""
    )


@effect(weight=0.7)
def promises_and_timers(draw: Draw) -> Part:
    first, second = _change(draw)
    return Part(
        script=f"""const wait = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {{
  await wait({draw.ms(0, 400)});
  {first};
  await Promise.resolve();
  await wait({draw.ms(0, 400)});
  {second};
}})();
"""
    )


@effect(weight=0.7)
def idle_callback(draw: Draw) -> Part:
    first, _ = _change(draw)
    return Part(script=f"requestIdleCallback(() => {{ {first} }});\n")
