"""A reference is rendered without a shortcut, so that all other renders can be compared with it."""

import asyncio
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from helios.errors import OptionInvalid
from helios.media.probe import probe
from helios.renderer.composition import Composition
from helios.renderer.encoding.codecs import CODECS, VideoEncoding
from helios.renderer.page import ImageFormat, PageOptions
from helios.renderer.render import render
from helios.renderer.render_request import RenderRequest

from .conftest import FRAMES, HEIGHT, WIDTH, Log, Studio

PNG = ImageFormat("png")

#: Says in the console which frames are visited; nothing moves.
_COUNTING = """<!doctype html><body style="background: #246"><script>
const count = (time) => {
  console.log(Math.round(time * 0.03));
  requestAnimationFrame(count);
};
requestAnimationFrame(count);
</script>"""


@pytest.fixture
def counting(studio: Studio) -> str:
    (studio.root / "counting.html").write_text(_COUNTING)
    return "counting.html"


def request(output: Path, **changes: object) -> RenderRequest:
    page = PageOptions(width=320, height=180, rate=Fraction(30), reference=True)
    made = RenderRequest(
        composition=Composition(url="http://composition.localhost/index.html", root=output.parent),
        output=output,
        page=page,
        encoding=VideoEncoding(codec=CODECS["h264"], preset="ultrafast"),
        frame_count=60,
        audio_codec=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.browser
def test_every_frame_up_to_the_first_one_wanted_is_visited(studio: Studio, counting: str) -> None:
    log: Log = []
    studio.shoot(counting, [20, 22], reference=True, log=log)
    assert [int(text) for _, level, text in log if level == "log"] == list(range(23))


@pytest.mark.browser
def test_a_picture_is_taken_of_each_frame_of_a_page_at_rest(studio: Studio) -> None:
    async def work() -> tuple[float, int]:
        async with studio.page("props", reference=True) as page:
            taken = 0
            capture = page.capture

            async def count(image: ImageFormat) -> bytes:
                nonlocal taken
                taken += 1
                return await capture(image)

            page.capture = count  # type: ignore[method-assign]
            for frame in (10, 11, 12):
                await page.picture(frame, PNG, every_frame=False)
            return page.same_until, taken

    assert studio.run(work()) == (0, 13)


@pytest.mark.browser
def test_a_canvas_is_photographed(studio: Studio) -> None:
    canvas = f'<canvas width="{WIDTH}" height="{HEIGHT}" style="display: block"></canvas>'
    script = 'document.querySelector("canvas").getContext("2d").fillRect(0, 0, 90, 90)'
    (studio.root / "one-canvas.html").write_text(
        f'<!doctype html><body style="margin: 0">{canvas}<script>{script}</script>'
    )

    async def work() -> bool:
        async with studio.page("one-canvas.html", reference=True) as page:
            await page.picture(1, PNG, every_frame=False)
            return page.reads_canvas

    assert not studio.run(work())


@pytest.mark.browser
def test_a_page_that_builds_on_its_past_is_right_from_any_frame_on(studio: Studio) -> None:
    whole = studio.shoot("simulation", range(FRAMES), reference=True)
    late = studio.shoot("simulation", range(40, 50), reference=True)
    assert [picture.digest for picture in late] == [picture.digest for picture in whole[40:50]]


@pytest.mark.browser
def test_the_encoder_is_given_every_frame_without_loss(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<body style="background: #246">')
    made = request(tmp_path / "still.mp4")
    assert made.image == PNG
    asyncio.run(render(made))
    media = asyncio.run(probe(made.output))
    assert media.video is not None
    assert media.video.frames == 60


def test_several_browsers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionInvalid, match="one browser"):
        asyncio.run(render(request(tmp_path / "video.mp4", concurrency=2)))
