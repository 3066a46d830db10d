"""Observers, whose callbacks change the page."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import effect
from fuzz.pages.part import Part


@effect(weight=0.7)
def revealed_in_view(draw: Draw) -> Part:
    """Trigger a transition when the element is visible, which depends on the visited frames."""
    name = f"{draw.id}_i"
    change, start, end = draw.change()
    return Part(
        style=f"{change}: {start}; transition: all {draw.ms(100, 600)}ms linear;"
        f" animation: {name} {draw.ms(300, 900)}ms linear both",
        css=f"&.{name} {{ {change}: {end} }}\n@keyframes {name} {{ from {{ top: 160px }} }}\n",
        script=f"""new IntersectionObserver((entries) => {{
  for (const entry of entries) e.classList.toggle("{name}", entry.isIntersecting);
}}, {{ threshold: {draw.pick(0, 0.5, 1)} }}).observe(e);
""",
        stateful=True,
    )


@effect(weight=0.7)
def follows_its_size(draw: Draw) -> Part:
    return Part(
        css=f"""&::before {{ content: "" }}
@keyframes {draw.id}_z {{ to {{ width: {draw.whole(20, 150)}px }} }}
""",
        style=f"animation: {draw.id}_z {draw.ms(300, 900)}ms linear both",
        script="""new ResizeObserver(([entry]) => {
  e.style.height = `${entry.contentRect.width / 2}px`;
}).observe(e);
""",
    )


@effect(weight=0.7)
def follows_changes(draw: Draw) -> Part:
    return Part(
        script=f"""new MutationObserver((records) => {{
  e.style.outline = `${{records.length}}px solid {draw.color()}`;
}}).observe(e, {{ attributes: true, attributeFilter: ["data-n"] }});
let n = 0;
setInterval(() => {{ for (let i = 0; i <= n % 4; i++) e.dataset.n = n; n++ }}, {draw.ms(30, 200) + 1});
"""
    )
