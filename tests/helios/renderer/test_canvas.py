"""A page that is one canvas is read directly, and then looks to the byte as a screenshot does."""

from pathlib import Path

import pytest

from helios.renderer.dialects import DIALECTS
from helios.renderer.page import ImageFormat
from tests.sampling import every_nth

from .conftest import HEIGHT, WIDTH, Picture, Studio

pytestmark = pytest.mark.browser

_SCRIPT = """
const context = document.querySelector("canvas").getContext("2d"{settings});
const draw = (time) => {{
  context.clearRect(0, 0, 4000, 4000);
  {drawing}
  requestAnimationFrame(draw);
}};
draw(0);
"""
#: A disc with a soft edge and half-transparent colours, over a ground where there is one.
_DISC = """
  context.fillStyle = "rgba(200, 80, 40, 0.5)";
  context.beginPath();
  context.arc(60 + time / 20, 90, 50, 0, 7);
  context.fill();
"""
_GROUND = 'context.fillStyle = "#123456"; context.fillRect(0, 0, 4000, 4000);'


def _page(
    body: str = "<canvas></canvas>",
    *,
    css: str = "",
    head: str = "",
    drawing: str = _DISC,
    settings: str = "",
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> str:
    canvas = f'<canvas width="{size[0]}" height="{size[1]}"'
    script = _SCRIPT.format(drawing=drawing, settings=settings)
    return (
        f"<!doctype html><html><head>{head}<style>body {{ margin: 0 }} canvas {{ display: block }}"
        f" {css}</style></head><body>{body.replace('<canvas', canvas)}"
        f"<script>{script}</script></body></html>"
    )


#: Pages that show one canvas and nothing else.
SOLE = {
    "opaque": _page(drawing=_GROUND + _DISC, settings=", { alpha: false }"),
    "transparent on white": _page(),
    "transparent on the page's ground": _page(css="html { background: #336 }"),
    "transparent on the body's ground": _page(css="body { background: rgb(0 90 30) }"),
    "transparent on several grounds": _page(
        '<main><div class="stage"><canvas></canvas></div></main>',
        css="html { background: #fed } .stage { background: #888 }",
    ),
    "in boxes": _page("<div><section>\n <!-- here --><canvas></canvas></section></div>"),
    "hidden overflow": _page(css="html, body { overflow: hidden; height: 100% }"),
}

#: Pages in which there is more to see than the canvas's own pixels.
MORE = {
    "text beside it": _page("<canvas></canvas>a caption"),
    "a box on top": _page(
        '<canvas></canvas><div style="position: fixed; inset: 20px; background: #4a48"></div>'
    ),
    "two canvases": _page("<canvas></canvas><canvas></canvas>", css="canvas { position: fixed }"),
    "a picture as ground": _page(css="body { background: linear-gradient(red, blue) }"),
    "a ground that shines through": _page(css="body { background: rgb(0 90 30 / 0.5) }"),
    "a ground of its own": _page(css="canvas { background: #0f3 }"),
    "opacity": _page(css="canvas { opacity: 0.5 }"),
    "opacity of a box around it": _page("<div><canvas></canvas></div>", css="div { opacity: 0.5 }"),
    "a transform": _page(css="canvas { transform: rotate(3deg) }"),
    "a single property that moves it": _page(css="canvas { translate: 5px }"),
    "a filter": _page(css="canvas { filter: blur(2px) }"),
    "blending": _page(css="html { background: #3a6 } canvas { mix-blend-mode: multiply }"),
    "round corners": _page(css="canvas { border-radius: 40px }"),
    "a border": _page(css="canvas { border: 3px solid red }"),
    "a pseudo-element": _page(
        css="body::after { content: ''; position: fixed; inset: 30px; background: #a60 }"
    ),
    "a clip": _page(css="canvas { clip-path: circle(40%) }"),
    "a box that cuts it off": _page(
        "<div><canvas></canvas></div>", css="div { overflow: hidden; height: 60px }"
    ),
    "behind the page's ground": _page(
        css="html { background: #fff } body { background: #39c; height: 100vh }"
        " canvas { position: fixed; z-index: -1 }"
    ),
    "stretched": _page(css="canvas { width: 100vw; height: 100vh }", size=(100, 60)),
    "smaller than the page": _page(size=(WIDTH - 40, HEIGHT)),
    "not at the page's corner": _page(css="body { margin: 8px }"),
    "dark by the page's meta element": _page(head='<meta name="color-scheme" content="dark">'),
    "dark by its style": _page(css=":root { color-scheme: dark }"),
    "invisible": _page(css="canvas { visibility: hidden }"),
    "an animation on it": _page(
        css="canvas { animation: fade 1s both } @keyframes fade { from { opacity: 0 } }"
    ),
}


def _shoot(
    studio: Studio, page: str, *, direct: bool, scale: float = 1
) -> tuple[bool, list[bytes]]:
    """Return whether the canvas was read, and pictures of three frames in different formats."""
    file = Path(studio.root, "one-canvas.html")
    file.write_text(page, "utf-8")

    async def work() -> tuple[bool, list[bytes]]:
        async with studio.page(file.name, direct=direct) as shown:
            images = [ImageFormat("png"), ImageFormat("jpeg", 80), ImageFormat("jpeg", 90)]
            pictures = [
                await shown.picture(frame, image, every_frame=False)
                for frame, image in zip((3, 10, 25), images, strict=True)
            ]
            return shown.reads_canvas, pictures

    return studio.run(work())


@every_nth(3)
@pytest.mark.parametrize("name", SOLE)
def test_a_sole_canvas_is_read_and_looks_as_a_screenshot_does(studio: Studio, name: str) -> None:
    read, pictures = _shoot(studio, SOLE[name], direct=True)
    photographed, expected = _shoot(studio, SOLE[name], direct=False)

    assert (read, photographed) == (True, False)
    assert Picture(pictures[0]).digest == Picture(expected[0]).digest
    assert pictures[1:] == expected[1:]


@every_nth(3)
@pytest.mark.parametrize("name", MORE)
def test_a_page_with_more_than_a_canvas_is_photographed(studio: Studio, name: str) -> None:
    read, pictures = _shoot(studio, MORE[name], direct=True)
    _, expected = _shoot(studio, MORE[name], direct=False)

    assert not read
    assert pictures == expected


def test_a_canvas_that_gets_company_is_photographed_from_then_on(studio: Studio) -> None:
    script = "<script>setTimeout(() => document.body.append('a caption'), 500)</script>"
    page = _page(f"<canvas></canvas>{script}")

    _, pictures = _shoot(studio, page, direct=True)
    _, expected = _shoot(studio, page, direct=False)

    assert pictures[1:] == expected[1:]


@pytest.mark.parametrize("dialect", ["html", "hyperframes"])
def test_the_first_canvas_is_shown_alone_in_each_dialect(studio: Studio, dialect: str) -> None:
    body = '<div data-composition-id="main" data-duration="1">a caption <canvas></canvas></div>'
    page = _page(body, css="div { padding: 40px }", drawing=_GROUND, size=(40, 30))
    Path(studio.root, "one-canvas.html").write_text(page, "utf-8")

    [shown] = studio.shoot(
        "one-canvas.html", [0], dialect=DIALECTS[dialect], canvas_alone=True, direct=False
    )

    assert shown.image.getcolors() == [(WIDTH * HEIGHT, (0x12, 0x34, 0x56))]
