"""Scrolled boxes, and animations that follow them."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag
from fuzz.pieces.motion.frame_callbacks import each_frame


def _scroller(draw: Draw, *, css: str = "", script: str = "", stateful: bool = False) -> Part:
    rows = "".join(f"<div>row {number}</div>" for number in range(12))
    return Part(
        html=tag(draw, f'<i></i><div class="rows">{rows}</div>'),
        style=f"{draw.place()}; overflow: auto; scrollbar-width: none",
        css=f"""& .rows div {{ height: 17px; background: {draw.color()}; border-bottom: 1px solid #fff }}
& i {{ position: sticky; top: 2px; display: block; width: 30px; height: 8px; background: {draw.color()} }}
{css}""",
        script=script,
        stateful=stateful,
    )


@element(weight=1)
def scrolled_each_frame(draw: Draw, inside: Part) -> Part:
    snap = draw.pick(
        "", "&{ scroll-snap-type: y proximity } & .rows div { scroll-snap-align: start }\n"
    )
    return _scroller(draw, css=snap, script=each_frame(f"e.scrollTop = t / {draw.whole(6, 20)}"))


@element(weight=1)
def scrolled_by_timer(draw: Draw, inside: Part) -> Part:
    how = draw.pick(
        "e.scrollBy(0, 23)",
        "e.lastElementChild.children[6].scrollIntoView()",
        "e.scrollTop = 41.5",
        "e.lastElementChild.children[4].scrollIntoView({ block: 'center' })",
    )
    return _scroller(draw, script=f"setInterval(() => {{ {how} }}, {draw.ms(60, 500) + 1});\n")


@element(weight=0.7)
def scrolled_smoothly(draw: Draw, inside: Part) -> Part:
    how = "e.scrollTo({ top: 90, behavior: 'smooth' })"
    return _scroller(draw, script=f"setTimeout(() => {how}, {draw.ms(0, 500)});\n")


@element(weight=1)
def scroll_timeline(draw: Draw, inside: Part) -> Part:
    name, start, end = draw.change()
    target, timeline = draw.pick(("& i", "scroll()"), ("& .rows div", "view()"))
    return _scroller(
        draw,
        css=f"{target} {{ animation: {draw.id}_s linear both; animation-timeline: {timeline} }}\n"
        f"@keyframes {draw.id}_s {{ from {{ {name}: {start} }} to {{ {name}: {end} }} }}\n",
        script=draw.pick(
            each_frame(f"e.scrollTop = t / {draw.whole(6, 20)}"),
            f"setInterval(() => (e.scrollTop += 9), {draw.ms(50, 300) + 1});\n",
        ),
    )


@element(weight=0.7)
def scroll_listener(draw: Draw, inside: Part) -> Part:
    return _scroller(
        draw,
        script='e.addEventListener("scroll", () => (e.firstElementChild.style.width ='
        " `${10 + e.scrollTop}px`));\n" + each_frame("e.scrollTop = t / 12"),
    )


@element(weight=0.7)
def scrolled_page(draw: Draw, inside: Part) -> Part:
    return Part(
        html=tag(draw, "a long way down"),
        style="position: absolute; left: 30px; top: 200px; height: 400px; width: 50px;"
        f" background: {draw.gradient()}",
        script=each_frame(f"scrollTo(0, t / {draw.whole(5, 12)})"),
    )
