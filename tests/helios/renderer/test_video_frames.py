"""Videos show exactly the picture whose span holds the frame's time."""

import math
from fractions import Fraction
from pathlib import Path

import pytest

from tests.helios.renderer.numbered_clips import BITS, CLIPS, HEIGHT, WIDTH, Clip, number_in
from tests.sampling import sampled

from .conftest import PNG, Log, Studio

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0 } video { position: absolute; width: 160px; height: 90px }
</style><video src="SOURCE" muted></video>"""

RATES = [Fraction(30), Fraction(24), Fraction(30_000, 1001)]


@pytest.fixture(scope="session")
def clips(studio: Studio) -> Path:
    folder = studio.root / "clips"
    folder.mkdir()
    for clip in CLIPS:
        clip.write(folder)
        (folder / f"{clip.name}.html").write_text(PAGE.replace("SOURCE", clip.name))
    return folder


def numbers(studio: Studio, name: str, frames: list[int], rate: Fraction) -> list[int]:
    """Return the number of the picture that each frame shows."""
    pictures = studio.shoot(name, frames, width=WIDTH, height=HEIGHT, rate=rate)
    middles = [WIDTH // BITS * bit + WIDTH // BITS // 2 for bit in range(BITS)]
    return [number_in([picture.pixel(x, HEIGHT // 2)[1] for x in middles]) for picture in pictures]


@pytest.mark.parametrize("rate", sampled(RATES, [RATES[-1]], proofs=RATES[:-1]), ids=str)
@pytest.mark.parametrize("clip", sampled(CLIPS, CLIPS[::6]), ids=lambda clip: clip.name)
@pytest.mark.usefixtures("clips")
def test_a_video_shows_the_picture_whose_span_holds_the_time(
    studio: Studio, clip: Clip, rate: Fraction
) -> None:
    page = f"clips/{clip.name}.html"
    in_order = list(range(int(rate) + 1))
    expected = [clip.shown_at(frame / rate) for frame in in_order]
    assert numbers(studio, page, in_order, rate) == expected
    jumps = [7, 8, 19, 29]
    assert numbers(studio, page, jumps, rate) == [clip.shown_at(n / rate) for n in jumps]


CANVAS = "<canvas id=c width=160 height=90></canvas>"
DETACHED = """<script>
const v = document.createElement("video");
v.muted = true;
v.src = "CLIP";
v.play();
const paint = c.getContext("2d");
HERE
</script>"""
EACH_FRAME = """const draw = () => {
  paint.drawImage(v, 0, 0);
  requestAnimationFrame(draw);
};
requestAnimationFrame(draw);"""
EACH_PICTURE = """const draw = () => {
  paint.drawImage(v, 0, 0);
  v.requestVideoFrameCallback(draw);
};
v.requestVideoFrameCallback(draw);"""
TEXTURE = """const gl = c.getContext("webgl", { preserveDrawingBuffer: true });
const shader = (type, text) => {
  const made = gl.createShader(type);
  gl.shaderSource(made, text);
  gl.compileShader(made);
  gl.attachShader(program, made);
};
const program = gl.createProgram();
shader(gl.VERTEX_SHADER, "attribute vec2 p; varying vec2 at;"
  + "void main() { at = vec2(p.x, 1.0 - p.y); gl_Position = vec4(2.0 * p - 1.0, 0, 1); }");
shader(gl.FRAGMENT_SHADER, "precision mediump float; varying vec2 at; uniform sampler2D t;"
  + "void main() { gl_FragColor = texture2D(t, at); }");
gl.linkProgram(program);
gl.useProgram(program);
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
gl.enableVertexAttribArray(0);
gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
  gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
const paint = { drawImage: (v) => {
  if (v.readyState < 2) return;
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, v);
  gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
} };"""
STYLE = """<!doctype html><meta charset=utf-8><style>
body { margin: 0 }
canvas, video, iframe { position: absolute; left: 0; top: 0; border: 0; width: 160px; height: 90px }
</style>"""
#: How a page shows a clip, by name.
WAYS = {
    "source": "<video muted><source src=CLIP></video>",
    "shadow-root": """<div id=host></div><script>
host.attachShadow({ mode: "open" }).innerHTML =
  "<video muted src=CLIP style='position:absolute;left:0;top:0'></video>";
</script>""",
    "inner-frame": "<iframe src=CLIP.html></iframe>",
    "inner-frame-of-another-origin": '<iframe sandbox="allow-scripts" src=CLIP.html></iframe>',
    "blob": """<video id=v muted></video><script>
fetch("CLIP").then((answer) => answer.blob()).then((blob) => (v.src = URL.createObjectURL(blob)));
</script>""",
    "data-address": """<video id=v muted></video><script>
fetch("CLIP").then((answer) => answer.blob()).then((blob) => {
  const reader = new FileReader();
  reader.onload = () => (v.src = reader.result);
  reader.readAsDataURL(blob);
});
</script>""",
    "canvas-each-frame": CANVAS + DETACHED.replace("HERE", EACH_FRAME),
    "canvas-each-picture": CANVAS + DETACHED.replace("HERE", EACH_PICTURE),
    "hidden-video-to-canvas": CANVAS
    + "<video id=v muted src=CLIP style='display:none'></video><script>"
    + f'const paint = c.getContext("2d");{EACH_FRAME}</script>',
    "texture": CANVAS
    + DETACHED.replace('const paint = c.getContext("2d");', TEXTURE).replace("HERE", EACH_FRAME),
    "moved-by-script": """<video id=v muted src=CLIP></video><script>
v.pause();
window.helios = { seek: (frame) => (v.currentTime = frame / 30) };
</script>""",
    "moved-by-script-and-drawn-when-there": CANVAS
    + "<video id=v muted src=CLIP style='display:none'></video><script>"
    + """v.pause();
const paint = c.getContext("2d");
const draw = () => paint.drawImage(v, 0, 0);
window.helios = { seek: (frame) => {
  v.requestVideoFrameCallback(draw);
  v.currentTime = frame / 30;
} };
</script>""",
    "moved-in-an-animation-frame": """<video id=v muted src=CLIP></video><script>
v.pause();
const move = (time) => {
  v.currentTime = time / 1000;
  requestAnimationFrame(move);
};
requestAnimationFrame(move);
</script>""",
}


@pytest.mark.parametrize("name", sampled(["24.mp4", "30-vp9.webm"], ["24.mp4"]))
@pytest.mark.parametrize("way", sampled(WAYS, list(WAYS)[::2]))
def test_every_way_of_showing_a_video_shows_the_picture_of_the_time(
    studio: Studio, clips: Path, way: str, name: str
) -> None:
    clip = next(clip for clip in CLIPS if clip.name == name)
    page = f"{way}-{name}.html"
    (clips / page).write_text(STYLE + WAYS[way].replace("CLIP", name))
    rate = Fraction(30)
    for frames in (list(range(12)), [5, 21, 29]):
        expected = [clip.shown_at(frame / rate) for frame in frames]
        assert numbers(studio, f"clips/{page}", frames, rate) == expected


@pytest.mark.parametrize(
    "name",
    sampled(["24.mp4", "23976.mp4", "late.mp4", "30-vp9.webm", "23976-vp9.webm"], ["24.mp4"]),
)
def test_a_video_that_is_moved_twice_for_a_frame_shows_the_last_picture(
    studio: Studio, clips: Path, name: str
) -> None:
    clip = next(clip for clip in CLIPS if clip.name == name)
    page = f"moved-twice-{name}.html"
    # It is moved again when the first picture waits to be drawn.
    script = """v.pause();
window.helios = { seek: (frame) => {
  v.onseeked = () => {
    v.onseeked = null;
    v.currentTime = frame / 30;
  };
  v.currentTime = 0.9 - frame / 60;
} };"""
    (clips / page).write_text(
        f"{STYLE}<video id=v muted src={name}></video><script>{script}</script>"
    )
    rate = Fraction(30)
    for frames in (list(range(12)), [5, 21, 29]):
        expected = [clip.shown_at(frame / rate) for frame in frames]
        assert numbers(studio, f"clips/{page}", frames, rate) == expected


def test_callbacks_of_pictures_come_once_for_each_with_its_times(
    studio: Studio, clips: Path
) -> None:
    (clips / "callbacks.html").write_text(
        STYLE
        + """<video id=v muted src=24.mp4></video><script>
const tell = (now, { mediaTime, presentationTime, width, presentedFrames }) => {
  console.log([now, mediaTime, presentationTime, width, presentedFrames].join());
  v.requestVideoFrameCallback(tell);
};
v.requestVideoFrameCallback(tell);
</script>"""
    )
    rate = Fraction(30)

    async def told(frames: list[int]) -> list[list[float]]:
        log: Log = []
        async with studio.page("clips/callbacks.html", log=log, rate=rate) as page:
            for frame in frames:
                await page.picture(frame, PNG, every_frame=False)
        return [[float(value) for value in text.split(",")] for _, _, text in log]

    whole = studio.run(told(list(range(30))))
    assert [round(row[1] * 24) for row in whole] == list(range(24))
    firsts = [math.ceil(Fraction(number, 24) * 30) for number in range(24)]
    assert [round(row[0] * 30 / 1000, 6) for row in whole] == firsts
    assert [row[4] for row in whole] == [first + 1 for first in firsts]
    assert {(row[0] == row[2], row[3]) for row in whole} == {(True, WIDTH)}
    # Frame 20 repeats the picture of the frame before; in a cut its callback is told the same.
    cut = studio.run(told([20, 21, 22, 23]))
    assert cut == [whole[0], *whole[16:19]]


def test_cues_follow_the_time_and_not_the_picture(studio: Studio, clips: Path) -> None:
    Clip("slides.mp4", [Fraction(0), Fraction(1), Fraction(2)], CLIPS[0].encoding).write(clips)
    (clips / "slides.vtt").write_text("WEBVTT\n\n00:00.300 --> 00:00.600\nHello\n")
    (clips / "slides.html").write_text(
        STYLE
        + """<video id=v muted src=slides.mp4><track default src=slides.vtt></video><script>
const tell = () => {
  console.log(v.textTracks[0].activeCues?.length ?? 0);
  requestAnimationFrame(tell);
};
requestAnimationFrame(tell);
</script>"""
    )

    async def told(frames: list[int]) -> list[str]:
        log: Log = []
        async with studio.page("clips/slides.html", log=log, rate=Fraction(30)) as page:
            for frame in frames:
                await page.picture(frame, PNG, every_frame=True)
        return [text for _, _, text in log]

    expected = ["1" if 9 <= frame < 18 else "0" for frame in range(24)]
    assert studio.run(told(list(range(24)))) == expected
