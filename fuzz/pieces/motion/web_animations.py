"""Web Animations, created at any time and changed while they run."""

import json

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


def _camel(name: str) -> str:
    head, *rest = name.split("-")
    return head + "".join(word.capitalize() for word in rest)


def animate(draw: Draw) -> str:
    """Draw a call of `animate` on the element `e`."""
    frames: dict[str, list[str]] = {}
    for _ in range(draw.whole(1, 2)):
        name, start, end = draw.change()
        # Its name differs between CSS and scripts.
        key = {"offset": "cssOffset", "float": "cssFloat"}.get(name, _camel(name))
        frames[key] = [start, end]
    options = {
        "duration": draw.ms(100, 1500),
        "delay": draw.pick(0, 0, draw.ms(0, 500), -draw.ms(0, 300)),
        "iterations": draw.pick(1, 1, 2, 2.5),
        "direction": draw.pick("normal", "reverse", "alternate"),
        "easing": draw.easing(),
        "fill": draw.pick("none", "both", "forwards"),
        "composite": draw.pick("replace", "replace", "add"),
        "endDelay": draw.pick(0, 0, draw.ms(0, 300)),
    }
    return f"e.animate({json.dumps(frames)}, {json.dumps(options)})"


@effect(weight=3)
def web_animation(draw: Draw) -> Part:
    return Part(script=f"{animate(draw)};\n")


@effect(weight=2)
def web_animation_by_timer(draw: Draw) -> Part:
    return Part(script=f"setTimeout(() => {animate(draw)}, {draw.ms()});\n")


@effect(weight=1)
def web_animation_by_frame(draw: Draw) -> Part:
    return Part(
        script=f"""const at = {draw.ms()};
const f = (t) => (t >= at ? {animate(draw)} : requestAnimationFrame(f));
requestAnimationFrame(f);
""",
        stateful=True,
    )


@effect(weight=2)
def web_animation_changed(draw: Draw) -> Part:
    change = draw.pick(
        "a.reverse()",
        f"a.updatePlaybackRate({draw.pick(0.5, 2, -1)})",
        f"a.playbackRate = {draw.pick(0.5, 2, -1)}",
        "a.pause()",
        "a.cancel()",
        "a.finish()",
        f"a.currentTime = {draw.ms()}",
        f"a.effect.updateTiming({{ duration: {draw.ms(100, 900)} }})",
        "a.commitStyles(); a.cancel()",
        "a.pause(); setTimeout(() => a.play(), 200)",
        f"a.startTime = {draw.ms(0, 300)}",
        "a.persist()",
    )
    # Reversing an infinite animation throws, and so do unresolved times.
    return Part(
        script=f"const a = {animate(draw)};\n"
        f"setTimeout(() => {{ try {{ {change} }} catch {{}} }}, {draw.ms()});\n"
    )


@effect(weight=1)
def web_animations_in_sequence(draw: Draw) -> Part:
    how = draw.pick(
        f"a.finished.then(() => {animate(draw)}, () => {{}})",
        f"a.onfinish = () => {animate(draw)}",
        f'a.addEventListener("finish", () => {animate(draw)})',
    )
    return Part(script=f"const a = {animate(draw)};\n{how};\n")


@effect(weight=1)
def web_animation_driven(draw: Draw) -> Part:
    """Set the time of a paused animation in every frame."""
    return Part(
        script=f"""const a = {animate(draw)};
a.pause();
const f = (t) => {{ a.currentTime = t * {draw.number(0.3, 1.6)}; requestAnimationFrame(f) }};
requestAnimationFrame(f);
"""
    )


@effect(weight=0.7)
def web_animation_of_pseudo_element(draw: Draw) -> Part:
    name, start, end = draw.change()
    frames = json.dumps({_camel(name): [start, end]})
    return Part(
        css=f'&::after {{ content: "w"; display: block; background: {draw.color()} }}\n',
        script=f'e.animate({frames}, {{ duration: {draw.ms(200, 1200)}, pseudoElement: "::after",'
        f' fill: "both" }});\n',
    )


@effect(weight=0.7)
def animations_of_the_document(draw: Draw) -> Part:
    """Change all animations of an element together, as libraries do."""
    change = draw.pick("pause()", "reverse()", "finish()", "updatePlaybackRate(0.5)", "cancel()")
    return Part(
        script=f"""setTimeout(() => {{
  for (const a of e.getAnimations({{ subtree: true }})) try {{ a.{change} }} catch {{}}
}}, {draw.ms(50, 800)});
"""
    )
