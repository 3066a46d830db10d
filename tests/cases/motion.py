"""What CSS, SVG and scrolling move."""

from itertools import pairwise

from tests.cases.case import Check, case
from tests.cases.shown import BLUE, RED, WHITE, Shown, mixed, near

_START = '<script>setTimeout(() => document.body.classList.add("go"), 200)</script>'
_TEXT = "p { font: 12px monospace; width: 60px; height: 24px; background: rgb(0, 102, 204); color: #fff;"


@case(
    f"<p>abc 1</p><p>def 2</p>{_START}",
    css=f"{_TEXT} transition: transform 1s linear, opacity 1s linear }}"
    " .go p { transform: translateX(60px); opacity: 0.3 }",
    seconds=1.5,
)
def text_that_slides_and_fades(shown: Shown) -> None:
    assert shown.colours(24, 2, [21]) == near([WHITE], 12)
    assert shown.colour(21, 85, 2) == near(mixed(BLUE, 0.65), 12)
    assert shown.colour(40, 50, 2) == near(WHITE, 12)
    assert shown.colour(40, 115, 2) == near(mixed(BLUE, 0.3), 12)


def _slides(shown: Shown) -> None:
    assert shown.left(2, BLUE, [0, 21, 31, 40]) == near([0, 30, 50, 60], 2)


def _add(name: str, check: Check, body: str, css: str, seconds: float) -> None:
    def named(shown: Shown) -> None:
        check(shown)

    named.__name__ = name
    case(body, css=css, seconds=seconds)(named)


_SLIDE = " transition: transform 1s linear } .go p { transform: translateX(60px) }"
_add("text_that_slides", _slides, f"<p>abc 1</p><p>def 2</p>{_START}", _TEXT + _SLIDE, 1.5)
_add(
    "box_that_slides",
    _slides,
    f"<p></p>{_START}",
    "p { width: 60px; height: 24px; background: rgb(0, 102, 204);" + _SLIDE,
    1.5,
)

_SMIL = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="70" height="20"><rect y="5" width="10" height="10"'
    ' fill="#c00"><animate attributeName="x" to="60" dur="1s" fill="freeze"/></rect></svg>'
)
_STYLED = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="70" height="20"><style>@keyframes m { to {'
    " transform: translateX(60px) } } rect { animation: m 1s linear forwards }</style>"
    '<rect y="5" width="10" height="10" fill="#c00"/></svg>'
)


@case(
    f"""<div>{_SMIL}</div>
<object type="image/svg+xml" data="smil.svg"></object>
<img src="smil.svg">
<img src="styled.svg">
<div style="background: url(smil.svg)"></div>
<div><svg width="70" height="20"><image href="smil.svg" width="70" height="20"/></svg></div>
<iframe src="smil.svg"></iframe>
<div id="late"></div>
<script>fetch("smil.svg").then((r) => r.text()).then((text) => (late.innerHTML = text))</script>""",
    css="""body { display: grid; grid-template: repeat(4, 22px) / 80px 80px }
body > * { width: 70px; height: 20px; border: 0; display: block }""",
    files={"smil.svg": _SMIL, "styled.svg": _STYLED},
    seconds=1.2,
)
def svg_in_eight_ways(shown: Shown) -> None:
    frames = (0, 8, 15, 29)
    want = near([0, 16, 30, 58], 2)
    names = ("inline", "object", "img", "img with CSS", "background", "image", "iframe", "fetched")
    found = {}
    for number, name in enumerate(names):
        x, y = 80 * (number % 2), 22 * (number // 2) + 10
        half = Shown(shown.frames[:, :, x : x + 80], shown.sound)
        found[name] = half.left(y, RED, frames)
    assert found == dict.fromkeys(names, want)


_CARDS = """<main><b></b><b></b><b></b></main>
<script>
const watch = new IntersectionObserver((seen) => {
  for (const one of seen) if (one.isIntersecting) one.target.classList.add("in");
}, { threshold: 0.5 });
for (const card of document.querySelectorAll("b")) watch.observe(card);
</script>"""
_CARD = """b { display: block; width: 160px; height: 80px; margin-bottom: 10px; background: rgb(204, 0, 0);
  opacity: 0; transition: opacity 0.5s linear }
b.in { opacity: 1 }"""


@case(
    _CARDS,
    css=f"""{_CARD} body {{ overflow: hidden }} main {{ position: absolute; animation: up 2s linear both }}
@keyframes up {{ to {{ transform: translateY(-120px) }} }}""",
    seconds=2,
)
def cards_revealed_as_they_move_into_view(shown: Shown) -> None:
    # The first is there from the start. The second's middle, 40 px down in it, comes into view when
    # 40 px are gone, at 0.67 s; the third's 90 px later than is scrolled.
    assert shown.colour(18, 80, 20) == near(RED, 30)
    assert shown.colour(18, 80, 85) == near(WHITE, 30)
    assert shown.colour(45, 80, 50) == near(RED, 30)


@case(
    _CARDS.replace("<main>", "<i></i><main>").replace("</main>", "<b></b></main>")
    + """<script>
const scroll = (t) => {
  scrollTo(0, t * 0.09);
  requestAnimationFrame(scroll);
};
requestAnimationFrame(scroll);
</script>""",
    css=f"{_CARD} body {{ height: 400px }} i {{ position: sticky; top: 0; display: block; height: 5px }}",
    seconds=2,
)
def cards_revealed_by_scrolling(shown: Shown) -> None:
    # 90 px/s. The first card fades in from the start. The second begins at 95 px, so its middle
    # comes in at 45 px, at 0.5 s.
    assert shown.colour(8, 80, 40) == near(mixed(RED, 8 / 15), 24)
    assert shown.colour(15, 80, 85) == near(WHITE, 24)
    assert shown.colour(22, 80, 80) == near(mixed(RED, 7 / 15), 40)
    assert shown.colour(40, 80, 40) == near(RED, 10)


def _scrolls_smoothly(shown: Shown) -> None:
    # The page's red is 0.5 a pixel: from 22 in the middle of the screen to 22 + 100.
    red = [shown.colour(frame, 80, 45)[0] for frame in range(len(shown.frames))]
    assert [red[0], red[-1]] == near([22, 122], 6)
    assert all(after >= before - 1 for before, after in pairwise(red))
    assert len(set(red)) > 6


_SMOOTH = '<script>setTimeout(() => scrollTo({ top: 200, behavior: "smooth" }), 200)</script>'
_TALL = "body { height: 500px; background: linear-gradient(rgb(0, 0, 0), rgb(250, 0, 0)) }"
_LOOP = "<script>const loop = () => requestAnimationFrame(loop); loop()</script>"
_add("smooth_scrolling", _scrolls_smoothly, _SMOOTH, _TALL, 1.5)
_add("smooth_scrolling_with_frames", _scrolls_smoothly, _SMOOTH + _LOOP, _TALL, 1.5)


@case(
    """<i></i><b></b>
<script>
const scroll = (t) => {
  scrollTo(0, t * 0.2);
  requestAnimationFrame(scroll);
};
scroll(0);
</script>""",
    css="""body { height: 490px }
i, b { position: fixed; top: 0; width: 160px; height: 20px; background: rgb(204, 0, 0) }
i { transform-origin: 0 0; animation: grow linear both; animation-timeline: scroll(root) }
b { position: absolute; top: 110px; background: rgb(0, 102, 204);
  animation: fade linear both; animation-timeline: view(); animation-range: entry 0% cover 50% }
@keyframes grow { from { transform: scaleX(0) } to { transform: scaleX(1) } }
@keyframes fade { from { opacity: 0 } to { opacity: 1 } }""",
    seconds=1.4,
)
def animations_by_scrolling(shown: Shown) -> None:
    # 200 px/s of 400 px. The block comes in from 20 px on and is in the middle at 75 px.
    assert shown.width(10, RED, [12, 30, 40]) == near([32, 80, 106.7], 2)
    assert shown.colour(6, 80, 80) == near(mixed(BLUE, 20 / 55), 12)
    assert shown.colour(15, 80, 25) == near(BLUE, 12)


@case(
    """<b id="one"></b><b id="two"></b>
<script>
location.hash = "#one";
setTimeout(() => (location.hash = "#two"), 500);
setTimeout(() => history.pushState({}, "", "?page=5"), 700);
setTimeout(() => open("about:blank"), 800);
</script>""",
    css="""b { position: absolute; inset: 0; display: none } b:target { display: block }
#one { background: rgb(204, 0, 0) } #two { background: rgb(0, 102, 204) }""",
    seconds=1,
)
def routes_by_fragment(shown: Shown) -> None:
    assert shown.colours(80, 45, [5, 14, 16, 25]) == near([RED, RED, BLUE, BLUE], 8)


@case(
    """<textarea autofocus></textarea>
<script>
const area = document.querySelector("textarea");
area.focus();
const id = setInterval(() => {
  area.value = "typing".slice(0, area.value.length + 1);
  if (area.value.length === 6) clearInterval(id);
}, 150);
</script>""",
    css="textarea { width: 150px; height: 80px; font: 20px monospace; border: 0; outline: 0;"
    " caret-color: #c00 }",
    seconds=1.2,
)
def text_that_is_typed(shown: Shown) -> None:
    ink = shown.area((0, 0, 0), [0, 10, 20, 29, 35], within=100)
    assert ink[0] < ink[1] < ink[2] < ink[3] == ink[4]


@case(
    '<iframe src="inner.html"></iframe><i></i><script>setTimeout(() => document.querySelector("i")'
    '.animate({ translate: ["0", "60px"] }, { duration: 500, fill: "both" }), 500)</script>',
    css="""iframe { position: absolute; border: 0; width: 160px; height: 30px }
i { position: absolute; top: 40px; width: 20px; height: 20px; background: rgb(0, 102, 204) }""",
    files={
        "inner.html": "<!doctype html><style>body { margin: 0 } @keyframes m { to { left: 60px } }"
        " b { position: absolute; left: 0; width: 20px; height: 20px; background: rgb(204, 0, 0);"
        " animation: m 1s linear both }</style><b></b>"
    },
    seconds=1.2,
)
def animations_of_an_inner_frame_and_by_a_timer(shown: Shown) -> None:
    assert shown.left(10, RED, [0, 15, 24, 33]) == near([0, 30, 48, 60], 1)
    assert shown.left(50, BLUE, [14, 18, 24, 33]) == near([0, 12, 36, 60], 1)


@case(
    """<dialog><b></b></dialog>
<script>setTimeout(() => document.querySelector("dialog").showModal(), 300)</script>""",
    css="""dialog { border: 0; padding: 0; margin: 0 } ::backdrop { background: none }
b { display: block; width: 60px; height: 40px; background: rgb(204, 0, 0) }
dialog[open] { opacity: 1; transition: opacity 0.5s linear }
@starting-style { dialog[open] { opacity: 0 } }""",
    seconds=1,
)
def dialog_that_fades_in(shown: Shown) -> None:
    want = [WHITE, mixed(RED, 6 / 15), mixed(RED, 11 / 15), RED]
    assert shown.colours(30, 20, [8, 15, 20, 28]) == near(want, 8)


@case(
    """<i></i>
<script>
const square = document.querySelector("i");
setTimeout(() => document.startViewTransition(() => (square.style.background = "rgb(0, 102, 204)")), 300);
</script>""",
    css="""i { position: absolute; width: 60px; height: 40px; background: rgb(204, 0, 0) }
::view-transition-old(root), ::view-transition-new(root) {
  animation-duration: 0.5s; animation-timing-function: linear }""",
    seconds=1.2,
)
def view_transition(shown: Shown) -> None:
    # From frame 9 to frame 24. A frame or two late: the browser takes a picture of the page first.
    half = [(red + blue) / 2 for red, blue in zip(RED, BLUE, strict=True)]
    assert shown.colour(16, 30, 20) == near(half, 40)
    assert shown.colours(30, 20, [8, 30]) == near([RED, BLUE], 3)


@case(
    """<i></i>
<script>
const square = document.querySelector("i");
let heard = 0;
addEventListener("tick", (event) => (heard = event.timeStamp));
const check = (t) => {
  dispatchEvent(new Event("tick"));
  const times = [performance.now(), document.timeline.currentTime, heard, Date.now() - 1704067200000];
  const equal = times.every((time) => Math.abs(time - t) < 1);
  square.style.background = equal ? "rgb(0, 160, 0)" : "";
  requestAnimationFrame(check);
};
requestAnimationFrame(check);
</script>""",
    css="i { display: block; width: 20px; height: 20px }",
    seconds=0.5,
)
def clocks_that_agree(shown: Shown) -> None:
    assert shown.colours(10, 10, [1, 8, 14]) == near([(0, 160, 0)] * 3, 8)


@case(
    """<i></i>
<script>
const text = "let n = 0; setInterval(() => postMessage([++n, performance.now()]), 100)";
const worker = new Worker(URL.createObjectURL(new Blob([text])));
const square = document.querySelector("i");
worker.onmessage = ({ data: [n, time] }) => {
  square.style.left = `${n * 10}px`;
  square.style.background = Math.abs(time - n * 100) < 34 ? "rgb(0, 160, 0)" : "rgb(204, 0, 0)";
};
</script>""",
    css="i { position: absolute; width: 20px; height: 20px }",
    seconds=1,
)
def worker_that_tells_time(shown: Shown) -> None:
    assert shown.left(10, (0, 160, 0), [4, 13, 22, 28]) == near([10, 40, 70, 90], 1)
