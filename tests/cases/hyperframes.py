"""HyperFrames: its compositions show and sound as its own renderer has them."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.cases.case import CASES, Case, Check
from tests.cases.shown import BLUE, GREEN, RED, WHITE, Shown, near

GSAP = {"gsap.min.js": "gsap/dist/gsap.min.js"}
_STYLE = """* { margin: 0; box-sizing: border-box }
.box { width: 40px; height: 40px }
.red { background: rgb(204, 0, 0) } .green { background: rgb(0, 160, 0) }
.blue { background: rgb(0, 102, 204) }"""
#: A timeline that moves an element by 100 px a second, as any object with a timeline's methods.
_MOVING = """const moving = (element, length) => {
  let at = 0;
  return {
    totalTime: (time) => { if (time !== undefined) element.style.left = `${100 * (at = time)}px`; return at; },
    duration: () => length,
    totalDuration: () => length,
    pause() {},
  };
};"""


def _page(body: str, *, html: str = "", head: str = "", root: str = "") -> str:
    return f"""<!doctype html>
<html {html}><head><meta charset="utf-8"><style>{_STYLE}</style>{head}</head><body>
<div id="root" data-composition-id="main" data-width="320" data-height="180" {root}>
{body}
</div></body></html>"""


def composition(
    body: str,
    *,
    seconds: float = 3,
    fps: int = 10,
    files: Mapping[str, str] | None = None,
    media: Sequence[str] = (),
    html: str = "",
    head: str = "",
    scripts: str = "",
    **options: Any,
) -> Callable[[Check], Check]:
    """Register a check as a case, with the composition that it is for."""
    root = f'data-duration="{seconds}" data-fps="{fps}"'
    page = _page(body, html=html, head=head, root=root).replace("</body>", f"{scripts}</body>")

    def register(check: Check) -> Check:
        name = f"hyperframes-{check.__name__.replace('_', '-')}"
        CASES[name] = Case(
            name=name,
            check=check,
            seconds=seconds,
            rate=Fraction(fps),
            files={**(files or {}), "index.html": page},
            media={one: one for one in media},
            **options,
        )
        return check

    return register


def _times(shown: Shown, colour: tuple[int, ...], x: int, y: int) -> list[int]:
    """Return the frames in which a pixel has a colour."""
    every = range(len(shown.frames))
    return [frame for frame in every if shown.colour(frame, x, y) == near(list(colour), 40)]


@composition('<div class="clip box red" data-start="1" data-duration="1"></div>')
def a_clip_is_shown_in_its_window(shown: Shown) -> None:
    assert _times(shown, RED, 20, 20) == list(range(10, 20))


def _box(colour: str, left: int, attributes: str) -> str:
    return f'<div class="clip box {colour}" style="left: {left}px" {attributes}></div>'


@composition(
    _box("blue", 0, 'id="intro" data-start="0.5" data-duration="0.5"')
    + _box("red", 50, 'data-start="intro" data-duration="0.3"')
    + _box("red", 100, 'data-start="intro + 0.5" data-duration="0.3"')
    + _box("red", 150, 'data-start="intro - 0.5" data-duration="0.3"')
    + _box("red", 200, 'data-start="nothing" data-duration="0.3"')
)
def a_start_refers_to_another_clips_end(shown: Shown) -> None:
    starts = [_times(shown, RED, left + 20, 20)[0] for left in (50, 100, 150, 200)]
    assert starts == [10, 15, 5, 0]


@composition(
    '<div class="clip" data-start="0" data-duration="1">'
    '<div class="box red" data-start="0.5" data-duration="2"></div></div>'
)
def what_is_in_a_closed_clip_is_hidden(shown: Shown) -> None:
    assert _times(shown, RED, 20, 20) == list(range(5, 10))


@composition(
    _box("red", 0, 'data-start="0" data-track-index="9"')
    + _box("green", 0, 'data-start="0" data-track-index="1"'),
    seconds=0.5,
)
def tracks_dont_change_the_order_of_painting(shown: Shown) -> None:
    assert shown.colour(2, 20, 20) == near(list(GREEN), 20)


@composition(
    '<div class="clip box red" data-start="0" data-duration="1"></div>'
    '<div class="clip box green" data-start="1" style="width: 60px"></div>'
)
def clips_dont_push_each_other(shown: Shown) -> None:
    assert _times(shown, RED, 20, 20) == list(range(10))
    assert _times(shown, GREEN, 50, 20) == list(range(10, 30))


def _file(name: str, body: str, *, css: str = "", script: str = "", variables: str = "") -> str:
    """Return a nested composition."""
    return f"""<!doctype html>
<html {variables}><body><template id="{name}-template">
<style>{css}</style>
<div id="root" data-composition-id="{name}" data-width="100" data-height="60">{body}</div>
<script>{script}</script>
</template></body></html>"""


def _host(name: str, attributes: str, left: int = 0) -> str:
    return (
        f'<div data-composition-id="{name}" data-composition-src="compositions/{name}.html"'
        f' data-width="100" data-height="60" style="left: {left}px; top: 0" {attributes}></div>'
    )


@composition(
    _host("one", 'data-start="0.5" data-duration="2"'),
    files={
        "compositions/one.html": _file(
            "one", _host("two", 'id="inner" data-start="0.5" data-duration="1"')
        ),
        "compositions/two.html": _file("two", _host("three", 'data-start="0.2" data-duration="5"')),
        "compositions/three.html": _file(
            "three", '<div class="box blue" data-start="0.1" data-duration="0.2"></div>'
        ),
    },
)
def compositions_three_levels_deep(shown: Shown) -> None:
    assert _times(shown, BLUE, 20, 20) == [13, 14]


_WORD = """data-composition-variables='[
{"id": "side", "type": "number", "label": "Side", "default": 10},
{"id": "ground", "type": "color", "label": "Ground", "default": "rgb(204, 0, 0)"}]'"""
_CARD = _file(
    "card",
    '<i class="mark"></i>',
    css=".mark { position: absolute; top: 0; height: 20px; background: var(--ground) }",
    script=f"""{_MOVING}
const {{ side }} = window.__hyperframes.getVariables();
const mark = document.querySelector(".mark");
mark.style.width = `${{side}}px`;
window.__timelines = window.__timelines || {{}};
window.__timelines["card"] = moving(mark, 0.5);""",
    variables=_WORD,
)


@composition(
    _host("card", 'data-start="0" data-duration="2.5"')
    + _host(
        "card",
        """data-start="1" data-duration="2" data-variable-values='{"side": 30, "ground": "rgb(0, 102, 204)"}'""",
        left=150,
    ),
    files={"compositions/card.html": _CARD},
)
def two_hosts_of_one_file_are_apart(shown: Shown) -> None:
    frames = (0, 3, 20)
    assert shown.width(10, RED, frames) == near([10] * 3, 1)
    assert shown.left(10, RED, frames) == near([0, 30, 50], 1)
    assert shown.left(10, BLUE, (10, 12, 20)) == near([150, 170, 200], 1)
    assert shown.width(10, BLUE, (9, 20)) == near([0, 30], 1)


@composition(
    '<p class="word" style="position: absolute; top: 100px">mm</p>'
    + _host("one", 'data-start="0"'),
    head="<style>#root { background: rgb(0, 160, 0) } .word { width: 50px; height: 20px }</style>",
    files={
        "compositions/one.html": _file(
            "one",
            '<p class="word"></p>',
            css="""body { background: rgb(204, 0, 0) }
#root { width: 50px; height: 30px; background: rgb(0, 102, 204) }
@media (min-width: 1px) { .word { margin-left: 50px; background: rgb(0, 0, 0) } }
@keyframes grow { to { width: 10px } }""",
        )
    },
    seconds=0.5,
)
def styles_of_a_nested_file_stay_in_it(shown: Shown) -> None:
    points = ((10, 25), (80, 45), (150, 20), (10, 110), (65, 10))
    colours = [shown.colour(2, *point) for point in points]
    assert colours[:3] == near([list(BLUE), list(BLUE), list(GREEN)], 10)
    assert colours[4] == near([0, 0, 0], 10)


@composition(
    _host("card", 'data-start="0.5" data-duration="1.5"'), files={"compositions/card.html": _CARD}
)
def a_nested_timeline_holds_at_its_end_and_is_cut_by_its_host(shown: Shown) -> None:
    assert shown.left(10, RED, (5, 8, 10, 19)) == near([0, 30, 50, 50], 1)
    assert shown.width(10, RED, (4, 20)) == [0, 0]


_CALLED = """<script>
const timeline = gsap.timeline({ paused: true, onUpdate: () => (count.style.width = `${10 * timeline.time()}px`) });
timeline.to("#box", { x: 100, duration: 1, ease: "none" }, 0);
timeline.call(() => (late.style.background = "rgb(0, 102, 204)"), [], 0.75);
window.__timelines["main"] = timeline;
</script>"""


@composition(
    '<div id="box" class="box red"></div>'
    '<div id="late" class="box" style="position: absolute; top: 60px"></div>'
    '<div id="count" style="position: absolute; top: 120px; height: 20px; background: rgb(0, 160, 0)">'
    "</div>",
    head='<script src="gsap.min.js"></script>',
    scripts=_CALLED,
    libraries=GSAP,
    seconds=2,
)
def a_gsap_timeline_calls_back_and_holds(shown: Shown) -> None:
    assert shown.left(20, RED, (0, 5, 10, 19)) == near([0, 50, 100, 100], 1)
    assert _times(shown, BLUE, 20, 80) == list(range(8, 20))
    assert shown.width(130, GREEN, (0, 5, 10, 19)) == near([0, 5, 10, 10], 1)


@composition(
    '<div id="box" class="box red" style="position: absolute"></div>',
    scripts=f"<script>{_MOVING}\nwindow.__timelines.main = moving(box, 1);</script>",
    seconds=2,
)
def a_timeline_shorter_than_the_page_holds(shown: Shown) -> None:
    assert shown.left(20, RED, (0, 5, 10, 15)) == near([0, 50, 100, 100], 1)


_TWO = """data-composition-variables='[
{"id": "wide", "type": "number", "label": "Wide", "default": 20},
{"id": "titleColor", "type": "color", "label": "Colour", "default": "rgb(204, 0, 0)"},
{"id": "picture", "type": "image", "label": "Picture", "default": "blue.svg"}]'"""
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">
<rect width="40" height="40" fill="rgb(0, 102, 204)"/></svg>"""


@composition(
    """<i id="bar" style="position: absolute; height: 20px; background: var(--titleColor)"></i>
<i style="position: absolute; top: 50px; width: 30px; height: 20px; background: var(--title-color)"></i>
<img data-var-src="picture" src="other.svg" style="position: absolute; top: 100px">
<b data-var-text="wide" id="text" hidden>none</b>""",
    html=_TWO,
    scripts="""<script>
const { wide } = window.__hyperframes.getVariables();
bar.style.width = `${document.getElementById("text").textContent === String(wide) ? wide : 0}px`;
</script>""",
    files={"blue.svg": _SVG, "other.svg": _SVG.replace("102, 204", "0, 0")},
    seconds=0.5,
    props={"wide": 60},
)
def variables_are_bound(shown: Shown) -> None:
    assert shown.width(10, RED, [2]) == near([60], 1)
    assert shown.width(60, RED, [2]) == near([30], 1)
    assert shown.colour(2, 20, 120) == near(list(BLUE), 10)


@composition(
    '<div id="box" class="box red" style="position: absolute"></div>',
    scripts="""<script>
addEventListener("hf-seek", ({ detail }) => {
  detail.waitUntil(new Promise((done) => setTimeout(() => {
    box.style.left = `${100 * detail.time}px`;
    done();
  }, 20)));
});
</script>""",
    seconds=1,
)
def a_frame_waits_for_hf_seek(shown: Shown) -> None:
    assert shown.left(20, RED, (0, 3, 9)) == near([0, 30, 90], 1)


@composition(
    '<div class="clip box red moves" data-start="1"></div>'
    '<div class="box blue moves" style="position: absolute; top: 100px"></div>',
    head="""<style>.moves { animation: move 1s linear both }
@keyframes move { to { translate: 100px } }</style>""",
)
def an_animation_of_a_clip_begins_at_its_start(shown: Shown) -> None:
    assert shown.left(20, RED, (10, 15, 20, 25)) == near([0, 50, 100, 100], 1)
    assert shown.left(120, BLUE, (0, 5, 10, 15)) == near([0, 50, 100, 100], 1)


_FILM = '<video muted style="position: absolute; width: 160px; height: 90px"'


@composition(
    f'{_FILM} src="film.mp4" data-start="1" data-duration="1" data-media-start="0.5"></video>',
    media=["film.mp4"],
    seconds=2.5,
    fps=30,
)
def a_video_is_shown_in_its_window(shown: Shown) -> None:
    assert shown.numbers[30:60] == list(range(15, 45))
    assert _times(shown, WHITE, 80, 80) == [*range(30), *range(60, 75)]


@composition(
    f'{_FILM} src="short.mp4" data-start="0" data-playback-rate="2" data-duration="1"></video>',
    media=["short.mp4"],
    seconds=1,
    fps=30,
)
def a_video_that_is_too_short_keeps_its_last_picture(shown: Shown) -> None:
    assert shown.numbers == [min(2 * frame, 29) for frame in range(30)]


@composition(
    f'{_FILM} src="short.mp4" data-start="0" data-media-start="0.5" loop></video>',
    media=["short.mp4"],
    seconds=1,
    fps=30,
)
def a_video_that_loops_begins_again_at_its_offset(shown: Shown) -> None:
    assert shown.numbers == [15 + frame % 15 for frame in range(30)]


@composition(
    '<audio id="a" src="steps.wav" data-start="0.5" data-media-start="0.5" data-duration="1"></audio>'
    '<audio id="b" src="1000.wav" data-start="2" data-volume="0.25" muted></audio>',
    media=["steps.wav", "1000.wav"],
    seconds=3.2,
    sounds=True,
)
def sounds_are_placed(shown: Shown) -> None:
    spans = ((0.1, 0.4), (0.55, 0.95), (1.05, 1.45), (1.6, 1.9), (2.1, 2.9))
    assert [shown.pitch(*span) for span in spans] == near([0, 440, 880, 0, 1000], 2)
    assert shown.strength(1000, 2.1, 2.9) == near(0.25 * 10 ** (-6 / 20), 0.01)


@composition(
    '<audio id="a" src="440.wav" data-volume="1.5" data-playback-rate="0.5"></audio>'
    '<video src="red.mp4" data-start="0" muted></video>'
    '<video src="blue.mp4" data-start="1" data-has-audio="true" muted></video>',
    media=["440.wav", "red.mp4", "blue.mp4"],
    seconds=2.2,
    sounds=True,
)
def sounds_of_videos_and_louder_ones(shown: Shown) -> None:
    assert shown.strength(440, 0.1, 0.9) == near(0.75, 0.03)
    assert shown.strength(880, 1.1, 1.9) == near(0.125, 0.02)


@composition(
    """<audio id="a" src="440.wav" data-start="0.5" data-automation='{"version": 1, "lanes": [
{"target": "volume", "points": [{"t": 0, "v": 0}, {"t": 1, "v": 1}, {"t": 2, "v": 0.5}]}]}'></audio>""",
    media=["440.wav"],
    seconds=3,
    fps=30,
    sounds=True,
)
def volume_by_a_lane(shown: Shown) -> None:
    heard = [shown.loudness(time - 0.02, time + 0.02) for time in (0.3, 1, 1.5, 2, 2.8)]
    assert heard == near([0, 0.5, 1, 0.75, 0.5], 0.05)


@composition(
    _host("sound", 'data-start="1"'),
    files={
        "compositions/sound.html": _file(
            "sound", '<audio id="a" src="440-1s.wav" data-start="0.5"></audio>'
        )
    },
    media=["440-1s.wav"],
    seconds=3,
    sounds=True,
)
def sounds_of_a_nested_composition_begin_with_it(shown: Shown) -> None:
    assert [shown.pitch(*span) for span in ((1.1, 1.45), (1.55, 2.45))] == near([0, 440], 2)


@composition(
    '<div id="box" class="box red"></div>',
    head='<script src="gsap.min.js"></script>',
    scripts="""<script>
setTimeout(() => {
  const timeline = gsap.timeline({ paused: true });
  window.__timelines["main"] = timeline.to("#box", { x: 100, duration: 1, ease: "none" });
}, 700);
</script>""",
    libraries=GSAP,
    seconds=1,
)
def a_timeline_that_comes_late_is_awaited(shown: Shown) -> None:
    assert shown.left(20, RED, (0, 5, 9)) == near([0, 50, 90], 1)


@composition(
    '<div class="clip box red" data-start="0"></div>',
    head="<style>html { background: #fff } body, #root { background: rgb(0, 160, 0) }</style>",
    transparent=True,
    seconds=0.5,
)
def the_page_is_transparent(shown: Shown) -> None:
    assert shown.frames[2, 100, 100, 3] == 0
    assert shown.frames[2, 20, 20].tolist() == [204, 0, 0, 255]


@composition(
    '<div data-composition-id="scene" data-start="0.5" data-width="100" data-height="60"></div>',
    scripts=f"""<template id="scene-template"><div data-composition-id="scene">
<div id="box" class="box red" style="position: absolute"></div></div>
<script>{_MOVING}
window.__timelines["scene"] = moving(document.getElementById("box"), 1);</script></template>""",
    seconds=1,
)
def a_template_of_the_page_fills_its_host(shown: Shown) -> None:
    assert shown.left(20, RED, (5, 9)) == near([0, 40], 1)


@composition(
    '<p class="title" style="position: absolute; top: 100px; width: 40px; height: 40px"></p>'
    + _host("one", 'data-start="0"'),
    files={
        "compositions/one.html": _file(
            "one",
            '<p class="title"></p>',
            css=".title { width: 40px; height: 40px }",
            script="""for (const one of document.querySelectorAll(".title")) {
  one.style.background = "rgb(204, 0, 0)";
}
throw new Error("meant");""",
        ).replace("</template>", '<script src="more.js"></script></template>'),
        "more.js": 'document.querySelector(".title").style.background = "rgb(0, 102, 204)";',
    },
    seconds=0.5,
)
def scripts_of_a_nested_file_find_what_is_in_it(shown: Shown) -> None:
    colours = [shown.colour(2, 20, 20), shown.colour(2, 20, 120)]
    assert colours == near([list(RED), list(BLUE)], 10)


@composition(
    _host("one", 'data-start="0" data-duration="1"', left=20),
    head='<script src="gsap.min.js"></script>',
    files={
        "compositions/one.html": _file(
            "one",
            '<p class="title"></p>',
            css=".title { position: absolute; width: 20px; height: 20px; background: rgb(204, 0, 0) }",
            script="""const timeline = gsap.timeline({ paused: true });
timeline.fromTo(".title", { x: 0 }, { x: 50, duration: 0.5, ease: "none" });
window.__timelines["one"] = timeline;""",
        )
    },
    libraries=GSAP,
    seconds=1,
)
def gsap_in_a_nested_file(shown: Shown) -> None:
    assert shown.left(10, RED, (0, 3, 8)) == near([20, 50, 70], 1)


@composition(
    '<div class="clip box red" data-start="0" data-hidden></div>'
    '<p class="caption-group clip" data-start="0.2" data-duration="0.5" style="top: 100px">'
    '<span class="blue" style="display: block; width: 60px; height: 20px"></span></p>',
    seconds=1,
)
def captions_and_hidden_clips(shown: Shown) -> None:
    assert shown.area(RED, [0, 5]) == [0, 0]
    assert _times(shown, BLUE, 30, 110) == list(range(2, 7))
