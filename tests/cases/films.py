"""Films: frame n shows the source frame whose span holds n / fps seconds."""

from fractions import Fraction

from tests.cases.case import Check, case
from tests.cases.shown import BLACK, BLUE, WHITE, Shown, mixed, near

_FILL = "video, canvas { display: block; width: 160px; height: 90px }"
_BROADCAST, _CINEMA = Fraction(30_000, 1001), Fraction(24_000, 1001)


def _shows(*numbers: int) -> Check:
    def check(shown: Shown) -> None:
        assert shown.numbers == list(numbers)

    return check


def _film(name: str, file: str, check: Check, *, seconds: float, rate: Fraction | int = 30) -> None:
    check.__name__ = name
    body = f'<video src="{file}" muted></video>'
    case(body, css=_FILL, media=[file], seconds=seconds, rate=rate)(check)


_film("film", "film.mp4", _shows(*range(60)), seconds=2)
_film("film_in_units_of_600", "film-600.mp4", _shows(*range(45)), seconds=1.5)
_film("film_of_29_97", "film-2997.mp4", _shows(*range(45)), seconds=1.5015, rate=_BROADCAST)
_film("webm_in_milliseconds", "film.webm", _shows(*range(60)), seconds=2)
_film("webm_of_23_976", "film-23976.webm", _shows(*range(48)), seconds=2.002, rate=_CINEMA)
_film("film_of_24_at_30", "film-24.mp4", _shows(*(n * 24 // 30 for n in range(45))), seconds=1.5)
# In place of those that are missing the one before is still there.
_film(
    "film_of_uneven_rate",
    "uneven.mp4",
    _shows(*(n - 1 if n % 3 == 1 else n for n in range(48))),
    seconds=1.6,
)
# Before its first picture is due, a video shows it all the same.
_film(
    "film_with_an_edit_list", "late.mp4", _shows(*(max(0, n - 15) for n in range(45))), seconds=1.5
)
_film(
    "film_that_stands_at_first",
    "still-start.mp4",
    _shows(*(0 if n < 15 else n for n in range(45))),
    seconds=1.5,
)


@case(
    """<canvas width="160" height="90"></canvas>
<video src="film.mp4" muted style="display: none"></video>
<script>
const [canvas, video] = document.querySelectorAll("canvas, video");
const paint = () => {
  canvas.getContext("2d").drawImage(video, 0, 0);
  video.requestVideoFrameCallback(paint);
};
video.requestVideoFrameCallback(paint);
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1.5,
)
def film_by_its_frame_callback(shown: Shown) -> None:
    assert shown.numbers == list(range(45))


@case(
    """<canvas width="160" height="90"></canvas>
<script>
const context = document.querySelector("canvas").getContext("2d");
const video = Object.assign(document.createElement("video"), { src: "film.mp4", loop: true, muted: true });
const paint = () => {
  context.drawImage(video, 0, 0);
  requestAnimationFrame(paint);
};
video.addEventListener("canplay", () => { video.play(); requestAnimationFrame(paint) }, { once: true });
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1.5,
)
def film_outside_the_document(shown: Shown) -> None:
    assert shown.numbers == list(range(45))


@case(
    """<video muted></video>
<script>
fetch("film.mp4").then((answer) => answer.blob()).then((blob) => {
  document.querySelector("video").src = URL.createObjectURL(blob);
});
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1,
)
def film_from_a_blob(shown: Shown) -> None:
    assert shown.numbers == list(range(30))


@case(
    """<video src="film.mp4" muted></video>
<script>
const video = document.querySelector("video");
video.play();
setTimeout(() => (video.playbackRate = 2), 1000);
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1.6,
)
def film_that_becomes_faster(shown: Shown) -> None:
    assert shown.numbers == [n if n < 30 else 30 + 2 * (n - 30) for n in range(48)]


@case(
    """<video src="standing.mp4" muted></video><i></i>
<script>
const [video, square] = document.querySelectorAll("video, i");
video.onloadedmetadata = () => {
  const upright = video.videoWidth === 90 && video.videoHeight === 160;
  square.style.background = upright ? "rgb(0, 160, 0)" : "rgb(204, 0, 0)";
};
</script>""",
    css="""video { position: absolute; height: 90px }
i { position: absolute; right: 0; width: 30px; height: 30px }""",
    media=["standing.mp4"],
    seconds=0.5,
)
def film_that_is_turned_upright(shown: Shown) -> None:
    assert shown.colour(8, 10, 10) == near([0, 0, 254], 40)
    assert shown.colour(8, 10, 80) == near([254, 0, 0], 40)
    assert shown.colour(8, 150, 10) == near([0, 160, 0], 10)


@case(
    """<video src="red.mp4"></video>
<script>
const video = document.querySelector("video");
video.play();
video.onended = () => {
  if (!video.src.includes("red")) return;
  video.src = "blue.mp4";
  video.play();
};
</script>""",
    css=_FILL,
    media=["red.mp4", "blue.mp4"],
    seconds=2,
    sounds=True,
)
def film_after_film_in_one_element(shown: Shown) -> None:
    assert shown.colours(80, 45, [5, 29]) == near([[254, 0, 0]] * 2, 30)
    assert shown.colours(80, 45, [31, 45]) == near([[0, 0, 254]] * 2, 30)
    assert [shown.pitch(0.2, 0.8), shown.pitch(1.2, 1.8)] == near([440, 880], 2)


@case(
    """<video muted>
<source src="no.xyz" type="video/x-nothing"><source src="red.mp4" type="video/mp4">
</video>
<audio><source src="880-1s.wav" type="audio/wav"></audio>""",
    css=f"{_FILL} video {{ animation: gone 1s linear 1s both }} @keyframes gone {{ to {{ opacity: 0 }} }}",
    media=["red.mp4", "880-1s.wav"],
    seconds=2.2,
    sounds=True,
)
def film_that_has_ended_keeps_its_last_picture(shown: Shown) -> None:
    red = (254, 0, 0)
    assert shown.colours(80, 45, [10, 29]) == near([red, red], 20)
    assert shown.colours(80, 45, [45, 62]) == near([mixed(red, 0.5), WHITE], 20)
    assert shown.pitch(0.2, 0.8) == near(880, 2)


@case(
    '<video src="half-clear.webm" muted></video>',
    css=f"{_FILL} body {{ background: rgb(255, 0, 0) }}",
    media=["half-clear.webm"],
    seconds=0.5,
)
def film_with_transparency(shown: Shown) -> None:
    assert shown.colour(8, 40, 45) == near(mixed((0, 255, 0), 0.5, (255, 0, 0)), 16)
    assert shown.colour(8, 130, 45) == near([255, 0, 0], 8)


@case(
    '<video src="half-clear.webm" muted></video>',
    css=_FILL,
    media=["half-clear.webm"],
    seconds=0.5,
    transparent=True,
)
def film_on_a_page_without_ground(shown: Shown) -> None:
    left, right = shown.frames[8, 45, 40], shown.frames[8, 45, 130]
    assert [int(level) for level in left] == near([0, 255, 0, 128], 8)
    assert right[3] == 0


@case(
    """<video></video><audio></audio>
<script>
const [video, audio] = document.querySelectorAll("video, audio");
const local = async (name) => URL.createObjectURL(await (await fetch(name)).blob());
local("red.mp4").then((url) => (video.src = url));
local("880-1s.wav").then((url) => (audio.src = url));
</script>""",
    css=_FILL,
    media=["red.mp4", "880-1s.wav"],
    seconds=1,
    sounds=True,
)
def film_and_sound_from_blobs(shown: Shown) -> None:
    assert shown.colour(10, 80, 45) == near([254, 0, 0], 30)
    assert shown.pitch(0.2, 0.8) == near(880, 2)
    assert shown.strength(440, 0.2, 0.8) / shown.strength(880, 0.2, 0.8) == near(0.25, 0.1)


@case(
    """<video src="film.mp4" muted>
<track default kind="captions" srclang="en" src="lines.vtt"></video>
<audio src="440.wav"><track default kind="metadata" src="lines.vtt"></audio>
<i id="time"></i><i id="cue"></i>
<script>
const sound = document.querySelector("audio");
const show = (square, on) => (square.style.background = on ? "rgb(0, 160, 0)" : "rgb(0, 102, 204)");
sound.ontimeupdate = () => show(time, sound.currentTime >= 0.5 && sound.currentTime < 1.5);
const track = sound.textTracks[0];
track.mode = "hidden";
track.oncuechange = () => show(cue, track.activeCues.length);
</script>""",
    css=f"{_FILL} video {{ position: absolute }} i {{ position: absolute; width: 20px; height: 20px }}"
    " #cue { left: 40px }",
    files={"lines.vtt": "WEBVTT\n\n00:00.500 --> 00:01.500\n█████████████\n"},
    media=["film.mp4", "440.wav"],
    seconds=2,
)
def captions_and_their_events(shown: Shown) -> None:
    rows = shown.frames[:, 70:, :, :3].min(axis=-1) > 200
    assert [bool(rows[frame].sum() > 40) for frame in (5, 20, 40, 50)] == [False, True, True, False]
    # `timeupdate` comes every 250 ms at least.
    for x in (10, 50):
        assert shown.colours(x, 10, [30, 55]) == near([[0, 160, 0], list(BLUE)], 30)


@case(
    """<script type="importmap">{ "imports": { "three": "./three.module.js" } }</script>
<script type="module">
import * as three from "three";
const renderer = new three.WebGLRenderer({ antialias: false });
renderer.setSize(160, 90);
renderer.outputColorSpace = three.LinearSRGBColorSpace;
document.body.append(renderer.domElement);
const video = Object.assign(document.createElement("video"), { src: "film.mp4", muted: true, loop: true });
video.play();
const texture = new three.VideoTexture(video);
const scene = new three.Scene();
scene.add(new three.Mesh(new three.PlaneGeometry(2, 2), new three.MeshBasicMaterial({ map: texture })));
const camera = new three.OrthographicCamera(-1, 1, 1, -1, 0, 1);
renderer.setAnimationLoop(() => renderer.render(scene, camera));
</script>""",
    css=_FILL,
    media=["film.mp4"],
    libraries={
        "three.module.js": "three/build/three.module.js",
        "three.core.js": "three/build/three.core.js",
    },
    seconds=1.5,
)
def three_video_texture(shown: Shown) -> None:
    assert shown.numbers == list(range(45))
    assert shown.colour(0, 10, 20) == near(BLACK, 30)


@case('<video src="short.mp4" muted loop></video>', css=_FILL, media=["short.mp4"], seconds=1.5)
def film_that_repeats(shown: Shown) -> None:
    assert shown.numbers == [n % 30 for n in range(45)]


@case(
    """<video src="film.mp4" muted></video>
<script>
const video = document.querySelector("video");
video.pause();
const place = (t) => {
  video.currentTime = 1.01 - t / 1000;
  requestAnimationFrame(place);
};
requestAnimationFrame(place);
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1,
)
def film_that_runs_backwards(shown: Shown) -> None:
    assert shown.numbers == [30 - n for n in range(30)]


@case(
    """<video src="film.mp4" muted></video>
<script>
const video = document.querySelector("video");
video.play();
setTimeout(() => video.pause(), 500);
setTimeout(() => video.play(), 800);
</script>""",
    css=_FILL,
    media=["film.mp4"],
    seconds=1.2,
)
def film_that_is_paused_for_a_while(shown: Shown) -> None:
    assert shown.numbers == [*range(15), *[15] * 9, *range(15, 27)]


@case(
    '<video src="film.mp4" muted data-helios-start="0.5" data-helios-trim="0.2"></video>',
    css=_FILL,
    media=["film.mp4"],
    seconds=1,
)
def film_in_a_window(shown: Shown) -> None:
    assert shown.numbers == [6 + max(0, n - 15) for n in range(30)]


@case(
    """<video muted></video>
<script>
const source = new MediaSource();
document.querySelector("video").src = URL.createObjectURL(source);
source.onsourceopen = async () => {
  const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.64000a"');
  buffer.onupdateend = () => source.endOfStream();
  buffer.appendBuffer(await (await fetch("fragments.mp4")).arrayBuffer());
};
</script>""",
    css=_FILL,
    media=["fragments.mp4"],
    seconds=1,
)
def film_from_a_media_source(shown: Shown) -> None:
    # The file has no edit list: its first picture is shown at 2/30 s, and before it as well.
    assert shown.numbers == [max(0, n - 2) for n in range(30)]


@case(
    '<iframe src="inner.html"></iframe>',
    css="iframe { display: block; border: 0; width: 160px; height: 90px }",
    files={
        "inner.html": "<!doctype html><style>body { margin: 0 } video { display: block }</style>"
        '<video src="film.mp4" muted></video>'
    },
    media=["film.mp4"],
    seconds=1,
)
def film_in_an_inner_frame(shown: Shown) -> None:
    assert shown.numbers == list(range(30))
