"""Text, in fonts of the machine and of the page."""

from fuzz.pages.draw import Draw
from fuzz.pages.kinds import element
from fuzz.pages.part import Part
from fuzz.pieces.boxes import tag

_WORDS = (
    "Sphinx of black quartz",
    "judge my vow",
    "0123456789",
    "AVATAR fi ffl",
    "Grüße, naïve façade",
    "مرحبا بالعالم",
    "日本語 テキスト",
    "→ ★ ✓ ∑",
)


@element(weight=3)
def paragraph(draw: Draw, inside: Part) -> Part:
    words = " ".join(draw.some(_WORDS, 3))
    style = draw.pick(
        "",
        f"text-shadow: {draw.shadow()}",
        f"letter-spacing: {draw.px(-1, 5)}",
        f"writing-mode: {draw.pick('vertical-rl', 'sideways-lr')}",
        f"-webkit-text-stroke: 1px {draw.color()}",
        "text-decoration: underline wavy red",
        "columns: 2",
        "white-space: nowrap; overflow: hidden; text-overflow: ellipsis",
        f"background: {draw.gradient()}; background-clip: text; color: transparent",
        "direction: rtl",
    )
    return Part(
        html=tag(draw, words, name=draw.pick("p", "div", "span", "h2")),
        style=f"{draw.place()}; margin: 0; font-size: {draw.px(8, 34)};"
        f" font-weight: {draw.pick(400, 700)}; color: {draw.color()};"
        f" {draw.pick('', f'background: {draw.color()}')}; {style}",
    )


@element(weight=1)
def web_font_text(draw: Draw, inside: Part) -> Part:
    display = draw.pick("auto", "block", "swap", "fallback")
    return Part(
        html=tag(draw, draw.pick(*_WORDS)),
        style=f"{draw.place()}; font: {draw.whole(10, 30)}px {draw.id}_f, monospace",
        css=f"@font-face {{ font-family: {draw.id}_f; src: url(serif.ttf); font-display: {display} }}\n",
        media=frozenset({"serif.ttf"}),
    )


@element(weight=1)
def font_by_script(draw: Draw, inside: Part) -> Part:
    return Part(
        html=tag(draw, draw.pick(*_WORDS)),
        style=f"{draw.place()}; font-size: {draw.whole(10, 30)}px",
        script=f"""new FontFace("{draw.id}_s", "url(serif.ttf)").load().then((face) => {{
  document.fonts.add(face);
  e.style.fontFamily = "{draw.id}_s";
}});
""",
        media=frozenset({"serif.ttf"}),
    )


@element(weight=1)
def running_number(draw: Draw, inside: Part) -> Part:
    how = draw.pick(
        "e.textContent = Math.round(t)",
        "e.textContent = (t / 7).toFixed(2)",
        "e.textContent = 'abcdefghijklm'.slice(0, t / 70)",
        "e.textContent = new Date().toISOString().slice(17, 23)",
        "e.textContent = Math.random().toFixed(4)",
    )
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; font-size: {draw.whole(10, 30)}px; color: {draw.color()}",
        script=f"const f = (t) => {{ {how}; requestAnimationFrame(f) }}; requestAnimationFrame(f);\n",
    )


@element(weight=0.7)
def css_counter(draw: Draw, inside: Part) -> Part:
    return Part(
        html=tag(draw),
        style=f"{draw.place()}; counter-reset: n var(--n{draw.id}); font-size: 24px;"
        f" animation: {draw.id}_c {draw.ms(300, 1200)}ms linear both",
        css=f"""@property --n{draw.id} {{ syntax: "<integer>"; inherits: false; initial-value: 0 }}
&::after {{ content: counter(n) }}
@keyframes {draw.id}_c {{ to {{ --n{draw.id}: {draw.whole(20, 400)} }} }}
""",
    )
