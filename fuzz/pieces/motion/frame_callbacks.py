"""requestAnimationFrame."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


def each_frame(body: str, *, before: str = "") -> str:
    """Return statements that run `body` in every frame; `t` is the time in milliseconds."""
    return f"""{before}const f = (t) => {{
  {body};
  requestAnimationFrame(f);
}};
requestAnimationFrame(f);
"""


@effect(weight=3)
def moved_each_frame(draw: Draw) -> Part:
    speed = draw.number(0.02, 0.3, 3)
    body = draw.pick(
        f"e.style.transform = `rotate(${{t * {speed}}}deg)`",
        f"e.style.transform = `translate(${{t * {speed} % 90}}px, ${{t % 13}}px)`",
        "e.style.transform = `scale(${1 + Math.sin(t / 200) / 2})`",
        f"e.style.left = `${{t * {speed}}}px`",
        f"e.style.translate = `${{t * {speed}}}px`",
        f"e.style.scale = 1.6 - t * {speed} / 300",
        f"e.style.opacity = Math.min(1, t / {draw.ms(200, 1100) + 1})",
        f"e.style.opacity = Math.max(0, 1 - t / {draw.ms(200, 1100) + 1})",
        "e.style.filter = `blur(${t / 200}px)`",
        "e.style.background = `hsl(${t / 3} 70% 50%)`",
        "e.style.clipPath = `circle(${t / 20}%)`",
        "e.style.borderRadius = `${t / 40}px`",
        "e.style.width = `${30 + t / 20}px`",
    )
    return Part(script=each_frame(body))


@effect(weight=1.5)
def turned_while_fading(draw: Draw) -> Part:
    """Animate styles that give an element a layer and remove it again."""
    end = draw.ms(200, 1000) + 1
    fade = draw.pick(
        f"Math.min(1, t / {end})", f"Math.max(0, 1 - t / {end})", f"t < {end} ? 0.5 : 1"
    )
    turn = draw.pick("rotate(${t / 9}deg)", "scale(${1 + t / 900})", "translate(${t / 21}px)")
    return Part(script=each_frame(f"e.style.opacity = {fade}; e.style.transform = `{turn}`"))


@effect(weight=0.7)
def counted_frames(draw: Draw) -> Part:
    body = draw.pick(
        "e.style.left = `${n++ * 3}px`",
        "e.style.rotate = `${n++ * 5}deg`",
        "if (n++ === 12) e.style.outline = '4px solid red'",
    )
    return Part(script=each_frame(body, before="let n = 0;\n"), stateful=True)


@effect(weight=1)
def random_each_frame(draw: Draw) -> Part:
    body = draw.pick(
        "e.style.marginLeft = `${Math.random() * 20}px`",
        "e.style.background = `rgb(${crypto.getRandomValues(new Uint8Array(3)).join(' ')})`",
    )
    return Part(script=each_frame(body))


@effect(weight=1)
def rebuilt_each_frame(draw: Draw) -> Part:
    body = draw.pick(
        "box.innerHTML = '<i></i>'.repeat(1 + t / 90)",
        "box.replaceChildren(...Array.from({ length: 1 + t / 120 }, () => document.createElement('i')))",
    )
    return Part(
        css=f"& i {{ display: inline-block; width: 5px; height: 9px; margin: 1px; background: {draw.color()} }}\n",
        script=each_frame(
            body, before="const box = document.createElement('div'); e.append(box);\n"
        ),
    )


@effect(weight=1)
def measured_each_frame(draw: Draw) -> Part:
    """Show values that a script reads from an element that may be animated."""
    body = draw.pick(
        "show.textContent = e.getBoundingClientRect().left.toFixed(1)",
        "show.textContent = getComputedStyle(e).opacity",
        "show.textContent = getComputedStyle(e).transform",
        "show.textContent = e.getAnimations().map((a) => Math.round(a.currentTime)).join()",
        "show.textContent = document.timeline.currentTime.toFixed(1)",
        "show.textContent = performance.now().toFixed(1)",
    )
    return Part(
        script=each_frame(
            body,
            before="const show = document.createElement('b'); show.style.cssText ="
            " 'position: absolute; left: 0; bottom: 0; font: 9px DejaVu Sans'; e.after(show);\n",
        )
    )


@effect(weight=0.7)
def microtasks_each_frame(draw: Draw) -> Part:
    body = draw.pick(
        "Promise.resolve(t).then((now) => (e.style.rotate = `${now / 8}deg`))",
        "queueMicrotask(() => (e.style.left = `${t / 8}px`))",
        "setTimeout(() => (e.style.top = `${t / 15}px`), 0)",
        "const c = new MessageChannel(); c.port1.onmessage = () => (e.style.skew = e.style.rotate ="
        " `${t / 8}deg`); c.port2.postMessage(0)",
    )
    return Part(script=each_frame(body))
