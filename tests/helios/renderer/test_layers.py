"""What the browser keeps of the frames it drew before doesn't show in the pixels of a frame."""

from collections.abc import Sequence

import pytest
from PIL import Image

from tests.helios.renderer.numbered_clips import CLIPS
from tests.sampling import sampled

from .conftest import Picture, Studio

pytestmark = pytest.mark.browser

STYLE = """
body { margin: 0; background: #123; font: 20px sans-serif; color: #fff; overflow: hidden }
#b, .b { position: absolute; left: 60px; top: 40px; width: 90px; height: 70px;
         box-sizing: border-box; border: 3px solid #35495e; background: #42b883 }
.stripes { background: repeating-linear-gradient(45deg, #000 0 4px, #fff 4px 8px) }
"""
BOX = "<div id=b>Box 1</div>"
PLAIN = "<div id=b></div>"
IMAGE = '<img id=b src="assets/photo.png">'
SVG = """<svg id=b viewBox="0 0 90 70"><circle cx=40 cy=35 r=30 fill=orange />
<text x=10 y=40>svg</text></svg>"""
CANVAS = """<canvas id=b width=90 height=70></canvas><script>
const c = b.getContext("2d"); c.fillStyle = "#fc0"; c.fillRect(10, 10, 50, 40)
c.fillText("c", 20, 30)
</script>"""
FRAME = """<iframe id=b srcdoc="<style>div { width: 40px; height: 30px; background: red;
animation: k 2s linear both } @keyframes k { to { transform: translate(30px) rotate(40deg) } }
</style><div>in</div>"></iframe>"""
CUBE = """<div style="perspective: 400px; position: absolute; inset: 0">
<div id=b style="transform-style: preserve-3d; border: 0; background: none">
<div style="transform: translateZ(40px); background: #c40">front</div>
<div style="transform: rotateY(90deg) translateZ(40px); background: #0a4">side</div></div></div>"""
SCROLLER = f"<div id=b style='overflow: scroll'>{'<p>line</p>' * 30}</div>"
TURN = "b.style.transform = `rotate(${n * 2}deg)`"


def animated(begin: str, end: str, body: str = BOX, style: str = "") -> str:
    """Return a page with a CSS animation of two seconds."""
    keyframes = f"@keyframes k {{ from {{ {begin} }} to {{ {end} }} }}"
    rule = f"#b {{ animation: k 2s linear both; {style} }}"
    return f"<style>{keyframes} {rule}</style>{body}"


def scripted(code: str, body: str = BOX, style: str = "") -> str:
    """Return a page whose script sets styles in every frame n."""
    script = f"function f(t) {{ const n = t * 30 / 1000; {code}; requestAnimationFrame(f) }} f(0)"
    return f"<style>#b {{ {style} }}</style>{body}<script>{script}</script>"


def started(body: str, style: str) -> str:
    """Return a page in which `b` gets the class `on` after half a second."""
    script = "setTimeout(() => b.classList.add('on'), 500)"
    return f"<style>{style}</style>{body}<script>{script}</script>"


PAGES = {
    "a box moved between unlike lists of functions": animated(
        "transform: skewX(11deg) translateX(-11%)",
        "transform: translateX(2%) rotate(83deg)",
        style="animation-timing-function: steps(5)",
    ),
    "a box turned in depth": animated(
        "transform: perspective(300px) translateZ(-36px) scale3d(1.39, 0.98, 1)",
        "transform: perspective(300px) rotateY(24deg)",
        style="animation-duration: 400ms",
    ),
    "text moved by translate": animated("translate: 0", "translate: 100px 31px"),
    "text moved by transform": animated("", "transform: translate(100px, 31px)"),
    "a box moved by translate3d": scripted(
        "b.style.transform = `translate3d(${n * 1.7}px, 0, 0)`", PLAIN
    ),
    "text moved by translate3d": scripted(
        "b.style.transform = `translate3d(${n * 1.7}px, ${n * 0.3}px, 0)`"
    ),
    "text moved by translate3d in an animation": animated(
        "transform: translate3d(0, 0, 0)", "transform: translate3d(100px, 31px, 0)"
    ),
    "text moved, turned and scaled as GSAP does": scripted(
        "b.style.transform = n > 40 ? 'translate(50px, 9px)' : "
        "`translate3d(${n * 1.3}px, ${n * 0.7}px, 0px) rotate(${n}deg) scale(${0.3 + n / 40})`; "
        "b.style.opacity = Math.min(1, n / 30)"
    ),
    "an image scaled with translateZ(0)": scripted(
        "b.style.transform = `translateZ(0) scale(${0.6 + n / 100})`", IMAGE
    ),
    "text under translateZ(0) that moves by its position": scripted(
        "b.style.left = `${n * 1.7}px`", style="transform: translateZ(0)"
    ),
    "flat 3D in flat 3D": scripted(
        "o.style.transform = `translate3d(${n * 1.1}px, 0, 0)`; "
        "b.style.transform = `scale3d(1.2, 1.2, 1) rotate3d(0, 0, 1, ${n}deg)`",
        f"<div id=o style='will-change: transform'>{BOX}</div>",
    ),
    "text moved by a transition": started(
        BOX, "#b { transition: transform 1s linear } #b.on { transform: translateX(100px) }"
    ),
    "text moved and faded by a transition": started(
        BOX, "#b { transition: all 1s linear } #b.on { translate: 100px; opacity: 0.3 }"
    ),
    "transitions of all elements": f"<style>* {{ transition: all 0.5s }}</style>"
    f"{started(BOX, '#b.on { transform: translate(70px) scale(1.5); opacity: 0.5 }')}",
    "a box moved": animated("", "transform: translate(100px, 31px)", PLAIN),
    "a box turned": animated("rotate: 0deg", "rotate: 123deg"),
    "a box scaled": animated("scale: 0.2", "scale: 2.4"),
    "a box skewed": animated("", "transform: skewX(40deg)"),
    "a box on a path": animated(
        "offset-distance: 0%", "offset-distance: 100%", style="offset-path: path('M0 0 L150 60')"
    ),
    "a box larger than the page": animated(
        "",
        "transform: translate(300px, 77px) rotate(5deg)",
        style="left: -500px; top: -400px; width: 3000px; height: 2000px; "
        "background: repeating-linear-gradient(45deg, #000 0 4px, #fff 4px 8px)",
    ),
    "a Web Animation": f"{BOX}<script>b.animate({{ translate: ['0 0', '77px 13px'] }}, "
    "{ duration: 2000, fill: 'both' })</script>",
    "a pseudo-element": "<style>#b::before { content: 'b'; position: absolute; background: #c40; "
    "animation: k 2s } @keyframes k { to { transform: translate(30px, 9px) scale(2) } }</style>"
    f"{BOX}",
    "an image": animated("", "transform: translate(100px, 20px) rotate(33deg)", IMAGE),
    "an SVG": animated("", "transform: translate(100px, 20px) rotate(50deg)", SVG),
    "a canvas": animated("scale: 0.4", "scale: 2.1", CANVAS),
    "an iframe": animated("", "transform: translate(60px, 20px) scale(1.6)", FRAME),
    "a scroller": scripted("b.scrollTop = n * 3.3; b.style.scale = 0.5 + n / 50", SCROLLER),
    "a page scrolled": scripted(
        "scrollTo(0, n * 7.3)",
        f"<div style='position: sticky; top: 0'>sticky</div>{'<p>line</p>' * 60}"
        "<div style='position: fixed; right: 9px; top: 9px; background: #c40'>fixed</div>",
    ),
    "perspective": animated("", "transform: perspective(300px) rotateY(170deg)"),
    "a 3D scene": animated("", "transform: rotateY(200deg) rotateX(40deg)", CUBE),
    "a hidden back": animated(
        "", "transform: rotateY(360deg)", BOX, "backface-visibility: hidden; perspective: 400px"
    ),
    "will-change: transform, scaled": scripted(
        "b.style.transform = `scale(${0.2 + n / 25})`", style="will-change: transform"
    ),
    "will-change: transform, moved": scripted(
        "b.style.transform = `translate(${n * 1.37}px, ${n * 0.21}px)`",
        style="will-change: transform",
    ),
    "will-change: opacity, scaled": scripted(
        "b.style.scale = 0.2 + n / 25", style="will-change: opacity; opacity: 0.7"
    ),
    "will-change given later": scripted(f"if (n > 14.5) b.style.willChange = 'transform'; {TURN}"),
    "an element added later": scripted(
        "if (n > 19.5 && !window.b) document.body.insertAdjacentHTML('beforeend', "
        f"'<div id=b style=\"will-change: transform\">late</div>'); if (window.b) {{ {TURN} }}",
        "",
    ),
    "opacity that becomes 1 by script": scripted(f"b.style.opacity = Math.min(1, n / 30); {TURN}"),
    "opacity that becomes 1 by animation": animated(
        "opacity: 0.2; rotate: 0deg", "rotate: 80deg", style="animation-duration: 1s, 2s"
    ),
    "opacity that becomes 1 by class": started(
        BOX, "#b { opacity: 0.5; rotate: 20deg } #b.on { opacity: 1 }"
    ),
    "opacity that becomes 1 in a pseudo-element": started(
        BOX,
        "#b::before { content: 'b'; position: absolute; background: #c40; opacity: 0.4; "
        "rotate: 9deg; transition: opacity 0.5s } #b.on::before { opacity: 1 }",
    ),
    "opacity that becomes 1 in an iframe": FRAME.replace(
        "animation: k", "opacity: 0.5; animation: k"
    )
    + "<script>setTimeout(() => b.contentDocument.querySelector('div').style.opacity = 1, 600)"
    "</script>",
    "opacity above other motion": animated(
        "", "translate: 50px 20px; rotate: 30deg", f"<div id=o>{BOX}</div>"
    )
    + "<style>#o { animation: o 1s both } @keyframes o { from { opacity: 0.2 } }</style>",
    "a root that fades in": animated("", "scale: 1.6")
    + "<style>html { animation: o 1s both } @keyframes o { from { opacity: 0 } }</style>",
    "a blur": animated("", "filter: blur(8px); translate: 40px"),
    "a shadow of a filter": animated("", "filter: drop-shadow(9px 9px 6px #000); rotate: 40deg"),
    "a backdrop filter": animated(
        "",
        "transform: translate(100px, 20px) scale(1.3)",
        f"<div class='b stripes'></div>{BOX}",
        "backdrop-filter: blur(4px); background: #fff4",
    ),
    "a clip path": animated("clip-path: circle(10%)", "clip-path: circle(80%); rotate: 33deg"),
    "a mask": animated("", "rotate: 33deg", style="mask: linear-gradient(90deg, #000, #0000)"),
    "a blend mode": animated(
        "",
        "transform: translate(60px, 20px) rotate(33deg)",
        f"<div class='b stripes'></div>{BOX}",
        "mix-blend-mode: difference",
    ),
    "what lies above": animated(
        "",
        "transform: translate(60px, 20px) rotate(33deg)",
        f"{BOX}<div class=b style='left: 90px; border-radius: 14px'>above</div>",
    ),
    "nested motion": animated("", "rotate: 90deg", f"<div id=o>{BOX}</div>")
    + "<style>#o { animation: o 2s both } @keyframes o { from { scale: 0.5 } }</style>",
}
#: Where a page is jumped to, and the frame after that.
CUTS = ((16, 17), (31, 32), (46, 47))
#: Frames that are drawn on the way.
DRAWN = sorted({*range(0, 48, 3), *(frame for cut in CUTS for frame in cut)})


def wrong_frames(expected: dict[int, Picture], found: dict[int, Picture]) -> list[int]:
    return [frame for frame, picture in found.items() if picture.digest != expected[frame].digest]


def shoot(studio: Studio, page: str, frames: Sequence[int]) -> dict[int, Picture]:
    return dict(zip(frames, studio.shoot(page, frames), strict=True))


@pytest.fixture(scope="module", autouse=True)
def _photo(studio: Studio) -> None:
    photo = Image.radial_gradient("L").resize((480, 360)).convert("RGB")
    photo.save(studio.root / "assets/photo.png")


#: One of each kind; the others are marked `long`.
SAMPLE = {
    "a backdrop filter",
    "an SVG",
    "opacity that becomes 1 by class",
    "text moved and faded by a transition",
    "will-change: transform, moved",
}


@pytest.mark.parametrize("name", sampled(PAGES, SAMPLE))
def test_a_frame_looks_the_same_however_it_was_reached(studio: Studio, name: str) -> None:
    page = "layers.html"
    (studio.root / page).write_text(f"<!doctype html><style>{STYLE}</style><body>{PAGES[name]}")

    all_drawn = shoot(studio, page, DRAWN)

    assert len({picture.digest for picture in all_drawn.values()}) > 1
    for cut in CUTS:
        assert wrong_frames(all_drawn, shoot(studio, page, cut)) == []


def test_a_video_scaled_in_each_frame_looks_the_same_where_every_other_frame_is_left_out(
    studio: Studio,
) -> None:
    """The ground of a video is a layer, which was drawn at the scale of the frame before."""
    CLIPS[0].write(studio.root)
    video = f"<video id=b src={CLIPS[0].name}></video>"
    place = "left: 118.3px; top: 92px; width: 51px; height: 53px; object-fit: cover; border: 0;"
    ground = f"{place} background: linear-gradient(#185f23, #771fde 70%)"
    page = scripted("b.style.scale = 1.6 - n * 0.022", video, ground)
    (studio.root / "layers.html").write_text(f"<!doctype html><style>{STYLE}</style>{page}")
    every_other = range(0, 30, 2)

    all_drawn = shoot(studio, "layers.html", range(30))

    assert wrong_frames(all_drawn, shoot(studio, "layers.html", every_other)) == []


def test_a_page_sees_its_own_will_change(studio: Studio) -> None:
    (studio.root / "layers.html").write_text(
        "<!doctype html><div id=b style='will-change: transform; width: 9px'></div>"
    )

    async def read() -> str:
        async with studio.page("layers.html") as page:
            await page.visit(1)
            value = await page._session.evaluate("getComputedStyle(b).willChange")
            return str(value)

    assert studio.run(read()) == "transform"


def test_a_page_at_rest_that_moves_again_looks_as_if_it_had_never_rested(studio: Studio) -> None:
    (studio.root / "layers.html").write_text(
        f"<!doctype html><style>{STYLE}</style><body>"
        + started(BOX, "#b { opacity: 0.5; rotate: 20deg } #b.on { opacity: 1 }")
    )

    rested = shoot(studio, "layers.html", range(18))

    assert wrong_frames(rested, shoot(studio, "layers.html", [15, 17])) == []
