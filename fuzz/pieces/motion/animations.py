"""CSS animations."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


def keyframes(draw: Draw, name: str) -> str:
    """Draw keyframes of one to three properties, and return their rule."""
    changes = [draw.change() for _ in range(draw.whole(1, 3))]
    start = "; ".join(f"{key}: {value}" for key, value, _ in changes)
    end = "; ".join(f"{key}: {value}" for key, _, value in changes)
    key, middle, _ = draw.change()
    more = draw.pick("", f"{draw.whole(20, 80)}% {{ {key}: {middle} }} ")
    easing = draw.pick("", f"; animation-timing-function: {draw.easing()}")
    return f"@keyframes {name} {{ from {{ {start}{easing} }} {more}to {{ {end} }} }}\n"


def timing(draw: Draw) -> str:
    """Draw the values of the `animation` property except for the name."""
    duration, delay = draw.ms(100, 1600), draw.pick(0, draw.ms(0, 700), -draw.ms(0, 500))
    count = draw.pick("1", "1", "infinite", "2.5", "3")
    direction = draw.pick("normal", "normal", "reverse", "alternate", "alternate-reverse")
    fill = draw.pick("none", "both", "both", "forwards", "backwards")
    return f"{duration}ms {draw.easing()} {delay}ms {count} {direction} {fill}"


def offset_path(draw: Draw) -> str:
    return draw.pick("", f"offset-path: path('M 0 0 C 40 60 80 -40 {draw.whole(60, 160)} 30')")


@effect(weight=5)
def css_animation(draw: Draw) -> Part:
    name = f"{draw.id}_a"
    return Part(
        style=f"animation: {name} {timing(draw)}; {offset_path(draw)}", css=keyframes(draw, name)
    )


@effect(weight=1.5)
def several_css_animations(draw: Draw) -> Part:
    names = [f"{draw.id}_{letter}" for letter in "ab"]
    composition = draw.pick("replace", "add", "accumulate")
    listed = ", ".join(f"{name} {timing(draw)}" for name in names)
    return Part(
        style=f"animation: {listed}; animation-composition: {composition}",
        css="".join(keyframes(draw, name) for name in names),
    )


@effect(weight=2)
def css_animation_by_timer(draw: Draw) -> Part:
    name = f"{draw.id}_t"
    return Part(
        css=f"&.{name} {{ animation: {name} {timing(draw)} }}\n{keyframes(draw, name)}",
        script=f'setTimeout(() => e.classList.add("{name}"), {draw.ms()});\n',
    )


@effect(weight=1)
def paused_by_timer(draw: Draw) -> Part:
    name, pause = f"{draw.id}_p", draw.ms(50, 500)
    again = (
        f'setTimeout(() => (e.style.animationPlayState = "running"), {pause + draw.ms(30, 400)});'
    )
    return Part(
        style=f"animation: {name} {timing(draw)}",
        css=keyframes(draw, name),
        script=f'setTimeout(() => (e.style.animationPlayState = "paused"), {pause});\n'
        f"{draw.pick(again, '')}\n",
    )


@effect(weight=1)
def chained_by_event(draw: Draw) -> Part:
    first, second = f"{draw.id}_x", f"{draw.id}_y"
    event = draw.pick("animationend", "animationend", "animationstart", "animationiteration")
    return Part(
        style=f"animation: {first} {draw.ms(100, 500)}ms {draw.easing()} {draw.ms(0, 200)}ms 2 both",
        css=f"{keyframes(draw, first)}{keyframes(draw, second)}"
        f"&.{second} {{ animation: {second} {draw.ms(100, 600)}ms {draw.easing()} both }}\n",
        script=f'e.addEventListener("{event}", (event) => event.target === e &&'
        f' e.classList.add("{second}"), {{ once: true }});\n',
    )


@effect(weight=1)
def registered_property(draw: Draw) -> Part:
    name = f"--{draw.id}"
    return Part(
        style=f"background: linear-gradient(var({name}), {draw.color()}, {draw.color()} 70%);"
        f" animation: {draw.id}_r {timing(draw)}",
        css=f"""@property {name} {{ syntax: "<angle>"; inherits: false; initial-value: 0deg }}
@keyframes {draw.id}_r {{ to {{ {name}: {draw.whole(90, 720)}deg }} }}
""",
    )


@effect(weight=1)
def pseudo_element_animation(draw: Draw) -> Part:
    name = f"{draw.id}_q"
    return Part(
        css=f"""&::{draw.pick("before", "after")} {{ content: "{draw.pick("", "q7")}";
  position: absolute; left: 6px; top: 5px; width: 22px; height: 14px; background: {draw.color()};
  animation: {name} {timing(draw)} }}
{keyframes(draw, name)}"""
    )
