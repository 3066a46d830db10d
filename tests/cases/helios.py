"""Helios: pages that are driven by its protocol, with its library and without."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.cases.case import CASES, Case, Check
from tests.cases.shown import BLUE, GREEN, RED, Shown, near

_STYLE = """* { margin: 0; box-sizing: border-box } body { background: #fff }
.box { position: absolute; top: 20px; width: 40px; height: 40px; background: rgb(204, 0, 0) }
.late { top: 60px; height: 20px; background: rgb(0, 102, 204) }"""
_CORE = {"core": "@helios-project/core/dist"}


def helios(
    body: str,
    *,
    seconds: float,
    fps: int = 30,
    script: str = "",
    page: str = "index.html",
    files: Mapping[str, str] | None = None,
    media: Mapping[str, str] | Sequence[str] = (),
    css: str = "",
    **options: Any,
) -> Callable[[Check], Check]:
    """Register a check as a case, with the page that it is for.

    Args:
        script: A module; the library's names are there if it uses `Helios`.
    """
    uses_core = "new Helios(" in script
    names = "Helios, signal, effect, computed, interpolate, spring, sequence"
    start = f'import {{ {names} }} from "./core/index.js";\n' if uses_core else ""
    text = (
        f'<!doctype html><meta charset="utf-8"><style>{_STYLE}{css}</style>\n{body}\n'
        f'<script type="module">{start}{script}</script>'
    )

    def register(check: Check) -> Check:
        title = f"helios-{check.__name__.replace('_', '-')}"
        CASES[title] = Case(
            name=title,
            check=check,
            seconds=seconds,
            rate=Fraction(fps),
            files={**(files or {}), page: text},
            media=media if isinstance(media, Mapping) else {name: name for name in media},
            libraries=_CORE if uses_core else {},
            source="" if page == "index.html" else page,
            **options,
        )
        return check

    return register


_BOX = '<div class="box" id="box"></div>'
_FOLLOWS = "helios.subscribe(({ currentFrame }) => (box.style.left = `${4 * currentFrame}px`));"


def _lefts(shown: Shown, colour: tuple[int, ...] = RED, row: int = 40) -> list[float]:
    return shown.left(row, colour, range(len(shown.frames)))


@helios(
    _BOX,
    seconds=1,
    script="""window.helios = {
  fps: { value: 24 }, duration: { value: 1 },
  seek(frame) { box.style.left = `${4 * frame}px`; },
};""",
)
def a_page_of_24_shown_at_30_stands_at_whole_frames(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * (frame * 24 // 30) for frame in range(30)], 0)


@helios(
    _BOX,
    seconds=1,
    script=f"""const helios = (window.helios = new Helios({{ fps: 24, duration: 1 }}));
{_FOLLOWS}""",
)
def its_library_of_24_shown_at_30(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * (frame * 24 // 30) for frame in range(30)], 0)


@helios(
    _BOX,
    seconds=1,
    script=f"""const helios = new Helios({{ fps: 30, duration: 1 }});
{_FOLLOWS}
helios.bindToDocumentTimeline();""",
)
def a_composition_that_is_only_bound(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * frame for frame in range(30)], 1)


@helios(
    _BOX,
    seconds=1,
    script=f"""const helios = (window.helios = new Helios({{ fps: 24, duration: 1 }}));
let checks = 0;
helios.registerStabilityCheck(async () => {{ checks++; document.title = checks; }});
{_FOLLOWS}
helios.bindToDocumentTimeline();""",
)
def a_bound_composition_of_another_rate_is_stable(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * frame * 24 / 30 for frame in range(30)], 1)


@helios(
    _BOX,
    seconds=1,
    fps=10,
    script="""window.__helios_gsap_timeline__ = {
  duration: () => 1, totalDuration: () => 1, pause() {},
  seek(seconds) { box.style.left = `${100 * seconds}px`; },
};""",
)
def a_gsap_timeline_alone(shown: Shown) -> None:
    assert _lefts(shown) == near([10 * frame for frame in range(10)], 1)


_SLIDES = """@keyframes slide { to { translate: 100px } }
.box { animation: slide 1s linear both }"""


@helios(
    _BOX,
    seconds=1.5,
    fps=10,
    css=_SLIDES,
    script="window.helios = new Helios({ fps: 10, duration: 1.5, autoSyncAnimations: true });",
)
def animations_that_the_page_moves_itself(shown: Shown) -> None:
    assert _lefts(shown) == near([min(10 * frame, 100) for frame in range(15)], 1)


@helios(
    _BOX,
    seconds=1.5,
    fps=10,
    css=_SLIDES,
    script="window.helios = new Helios({ fps: 10, duration: 1.5 });",
)
def animations_that_the_browser_moves(shown: Shown) -> None:
    assert _lefts(shown) == near([min(10 * frame, 100) for frame in range(15)], 1)


@helios(
    _BOX,
    seconds=0.5,
    fps=10,
    props={"colour": "rgb(0, 102, 204)"},
    script="""const helios = (window.helios = new Helios({
  fps: 10, duration: 0.5, inputProps: window.__HELIOS_PROPS__,
  schema: { colour: { type: "string" } },
}));
helios.subscribe(({ inputProps }) => (box.style.background = inputProps.colour));""",
)
def props_come_before_the_scripts(shown: Shown) -> None:
    assert shown.colour(2, 20, 40) == near(list(BLUE), 5)


@helios(
    _BOX,
    seconds=1,
    fps=10,
    script="""const helios = (window.helios = new Helios({ fps: 10, duration: 1 }));
const left = computed(() => interpolate(helios.currentFrame.value, [0, 5, 9], [0, 80, 40]));
effect(() => { box.style.left = `${left.value}px`; });""",
)
def signals_are_computed(shown: Shown) -> None:
    assert _lefts(shown) == near([0, 16, 32, 48, 64, 80, 70, 60, 50, 40], 1)


@helios(
    f'{_BOX}<div class="box late" id="late"></div>',
    seconds=1,
    fps=10,
    script="""const helios = (window.helios = new Helios({ fps: 10, duration: 1 }));
helios.subscribe(({ currentFrame: frame }) => {
  const { isActive } = sequence({ frame, from: 3, durationInFrames: 4 });
  late.style.display = isActive ? "block" : "none";
  box.style.left = `${spring({ frame, fps: 10, from: 0, to: 100 })}px`;
});""",
)
def a_sequence_and_a_spring(shown: Shown) -> None:
    assert [frame for frame in range(10) if shown.area(BLUE, [frame]) != [0]] == [3, 4, 5, 6]
    assert _lefts(shown)[0] == 0
    assert 80 < _lefts(shown)[9] < 125


@helios(
    f'{_BOX}<div class="box late" id="late"></div>',
    seconds=1,
    fps=10,
    script="""const helios = (window.helios = new Helios({
  fps: 10, duration: 1,
  captions: [{ id: "1", startTime: 300, endTime: 600, text: "Hello" }],
}));
helios.subscribe(({ activeCaptions }) => {
  late.style.display = activeCaptions.length ? "block" : "none";
});""",
)
def captions_are_active_in_their_time(shown: Shown) -> None:
    seen = [frame for frame in range(10) if shown.area(BLUE, [frame]) != [0]]
    assert seen[:3] == [3, 4, 5]
    assert seen[-1] <= 6


@helios(
    '<canvas id="canvas" width="160" height="90"></canvas>',
    seconds=1,
    fps=10,
    script="""const helios = (window.helios = new Helios({ fps: 10, duration: 1 }));
const context = canvas.getContext("2d");
helios.subscribe(({ currentFrame }) => {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 160, 90);
  context.fillStyle = "rgb(0, 160, 0)";
  context.fillRect(10 * currentFrame, 20, 40, 40);
});""",
)
def a_canvas_alone(shown: Shown) -> None:
    assert _lefts(shown, GREEN) == near([10 * frame for frame in range(10)], 0)


@helios(
    _BOX,
    seconds=1,
    fps=10,
    script=f"""const master = new Helios({{ fps: 10, duration: 1 }});
const helios = new Helios({{ fps: 10, duration: 1 }});
helios.bindTo(master);
{_FOLLOWS}
window.helios = master;""",
)
def a_composition_that_follows_another(shown: Shown) -> None:
    assert _lefts(shown) == near([4 * frame for frame in range(10)], 1)


_CALLED = "<!-- bindToDocumentTimeline -->"
_FILM = '<video muted style="width: 160px; height: 90px; display: block"'


@helios(
    f'{_CALLED}{_FILM} src="film.mp4" data-helios-offset="0.5" data-helios-seek="0.5"></video>',
    seconds=1.5,
    media=["film.mp4"],
)
def a_video_shows_its_first_picture_before_its_offset(shown: Shown) -> None:
    assert shown.numbers == [15] * 15 + list(range(15, 45))


@helios(
    f'{_CALLED}{_FILM} src="short.mp4" playbackRate="2" loop></video>',
    seconds=1,
    media=["short.mp4"],
)
def a_rate_by_attribute_and_a_loop(shown: Shown) -> None:
    assert shown.numbers == [2 * frame % 30 for frame in range(30)]


@helios(
    f"{_CALLED}"
    '<audio src="440.wav" data-helios-offset="0.5" data-helios-seek="1" data-helios-fade-in="1"'
    ' data-helios-fade-out="0.5"></audio>'
    '<audio src="880.wav" data-helios-no-audio></audio>',
    seconds=3,
    fps=10,
    media=["440.wav", "880.wav"],
    sounds=True,
)
def sounds_are_placed_and_fade(shown: Shown) -> None:
    assert [shown.pitch(*span) for span in ((0.1, 0.4), (0.6, 2.4))] == near([0, 440], 2)
    heard = [shown.loudness(time - 0.02, time + 0.02) for time in (0.75, 1, 2, 2.25)]
    assert heard == near([0.25, 0.5, 1, 0.5], 0.06)
    assert shown.loudness(2.55, 2.95) == near(0, 0.01)
    assert shown.strength(880, 0.1, 2.9) == near(0, 0.01)


@helios(
    f'{_CALLED}<audio src="440.wav" volume="0.5"></audio><audio src="880.wav" muted></audio>',
    seconds=1,
    fps=10,
    media=["440.wav", "880.wav"],
    sounds=True,
)
def a_volume_by_attribute(shown: Shown) -> None:
    assert shown.loudness(0.1, 0.9) == near(0.5, 0.02)
    assert shown.strength(880, 0.1, 0.9) == near(0, 0.01)


_ASSETS = '<img src="../../assets/red.svg" style="position: absolute"><script src="../../assets/a.js"></script>'


@helios(
    f"{_ASSETS}{_BOX}",
    seconds=0.5,
    fps=10,
    page="built/pages/one/index.html",
    files={
        "built/assets/red.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90">'
        '<rect width="160" height="90" fill="rgb(0, 160, 0)"/></svg>',
        "built/assets/a.js": "window.left = 50;",
        "package.json": "{}",
    },
    script="box.style.left = `${window.left}px`;",
)
def assets_two_folders_above_the_page(shown: Shown) -> None:
    assert shown.colour(2, 20, 80) == near(list(GREEN), 5)
    assert _lefts(shown)[2] == 50


@helios(
    '<h1 style="position: absolute; top: 40px">Not in the picture</h1><main style="padding: 30px">'
    '<canvas id="canvas" width="80" height="45" style="border: 9px solid"></canvas></main>',
    seconds=0.5,
    fps=10,
    canvas_alone=True,
    script="""const context = canvas.getContext("2d");
window.helios = {
  fps: 10, duration: 0.5,
  seek(frame) {
    context.clearRect(0, 0, 80, 45);
    context.fillStyle = "rgb(204, 0, 0)";
    context.fillRect(10 * frame, 10, 20, 20);
  },
};""",
)
def a_canvas_alone_by_its_mode(shown: Shown) -> None:
    assert _lefts(shown) == near([20 * frame for frame in range(5)], 1)
    assert shown.colour(0, 5, 80) == [0, 0, 0]
    assert shown.area(RED, [2]) == near([40 * 40], 250)
