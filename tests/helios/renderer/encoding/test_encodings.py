"""What comes out of the public command: colours, frame counts, times, tags, sound."""

import asyncio
import base64
import io
import json
import math
import struct
import subprocess
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helios.media.ffmpeg import available_encoders
from helios.media.probe import probe
from tests.sampling import every_nth, sampled

pytestmark = pytest.mark.browser

WIDTH, HEIGHT, FRAMES = 160, 90, 12
#: Frame n has brightness 20 + 15n throughout.
RAMP = """<script>
const show = (time) => {
  const level = 20 + 15 * Math.round(time * 30 / 1000);
  document.body.style.background = `rgb(${level}, ${level}, ${level})`;
  requestAnimationFrame(show);
};
requestAnimationFrame(show);
</script>"""
#: Two rows of four boxes, so that no colour meets another within 20 pixels of a box's middle.
COLORS = [
    *((255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0)),
    *((0, 0, 255), (32, 64, 96), (240, 160, 16), (128, 128, 128)),
]


def box(number: int) -> tuple[int, int]:
    """Middle of a box of 40 x 45 pixels."""
    return 40 * (number % 4) + 20, 45 * (number // 4) + 22


def boxes(colors: Sequence[tuple[int, int, int]]) -> str:
    return "".join(
        f'<div style="position: absolute; left: {40 * (n % 4)}px; top: {45 * (n // 4)}px;'
        f' width: 40px; height: 45px; background: rgb{color}"></div>'
        for n, color in enumerate(colors)
    )


def stream_of(path: Path, kind: str = "v") -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-select_streams", kind, "-show_streams", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
    [stream] = json.loads(done.stdout)["streams"]
    assert isinstance(stream, dict)
    return stream


def decode(path: Path, pixel_format: str, *, decoder: str | None = None) -> bytes:
    """Return the raw frames, each exactly once, whatever their times."""
    named = ["-c:v", decoder] if decoder else []
    command = [
        *("ffmpeg", "-v", "error", *named, "-i", str(path), "-map", "0:v"),
        *("-fps_mode", "passthrough", "-pix_fmt", pixel_format, "-f", "rawvideo", "-"),
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout


def levels(path: Path) -> list[float]:
    """Return the brightness in the middle of each frame, 0 to 255."""
    if path.suffix == ".gif":
        gray = np.frombuffer(decode(path, "gray"), np.uint8).astype(float)
        return [float(frame[HEIGHT // 2, WIDTH // 2]) for frame in gray.reshape(-1, HEIGHT, WIDTH)]
    # In limited range, 16 is black and 235 is white.
    data = np.frombuffer(decode(path, "yuv444p"), np.uint8).astype(float)
    frames = data.reshape(-1, 3, HEIGHT, WIDTH)
    return [float(frame[0, HEIGHT // 2, WIDTH // 2] - 16) * 255 / 219 for frame in frames]


def bt709(luma: float, blue: float, red: float) -> tuple[float, float, float]:
    """Return RGB for limited-range YCbCr (ITU-R BT.709-6, section 3)."""
    y, cb, cr = (luma - 16) / 219, (blue - 128) / 224, (red - 128) / 224
    r, b = y + 1.5748 * cr, y + 1.8556 * cb
    g = (y - 0.2126 * r - 0.0722 * b) / 0.7152
    return r * 255, g * 255, b * 255


@pytest.mark.parametrize(
    "flags", [("--jpeg-quality", 95), ("--quality", 0)], ids=["JPEG capture", "PNG capture"]
)
def test_flat_colours_come_out_of_h264_as_they_were(desk: Any, flags: tuple[object, ...]) -> None:
    desk.page(boxes(COLORS))
    desk.render("-o", "v.mp4", *flags)
    data = decode(desk.folder / "v.mp4", "yuv420p")
    size = WIDTH * HEIGHT
    frames = np.frombuffer(data, np.uint8).astype(float).reshape(FRAMES, size * 3 // 2)
    for frame in (frames[0], frames[-1]):
        luma = frame[:size].reshape(HEIGHT, WIDTH)
        blue, red = frame[size:].reshape(2, HEIGHT // 2, WIDTH // 2)
        for number, color in enumerate(COLORS):
            x, y = box(number)
            found = bt709(luma[y, x], blue[y // 2, x // 2], red[y // 2, x // 2])
            assert found == pytest.approx(color, abs=3), f"box {number}"


@every_nth(4)
@pytest.mark.parametrize(
    ("name", "codec", "found"),
    [
        ("v.mp4", None, "h264"),
        ("v.mov", None, "h264"),
        ("v.mkv", None, "h264"),
        ("v.m4v", None, "h264"),
        ("v.mp4", "h265", "hevc"),
        ("v.mp4", "av1", "av1"),
        ("v.webm", None, "vp9"),
        ("v.mov", "prores", "prores"),
    ],
)
def test_a_video_has_exactly_its_frames_at_regular_times_and_says_what_its_colours_mean(
    desk: Any, name: str, codec: str | None, found: str
) -> None:
    if codec == "av1" and "libsvtav1" not in available_encoders():
        pytest.skip("this ffmpeg has no AV1 encoder")
    desk.page(RAMP)
    desk.render("-o", name, *(("--video-codec", codec) if codec else ()))
    assert desk.names() == ["page.html", name]
    path = desk.folder / name

    video = asyncio.run(probe(path)).video
    assert video is not None
    assert (video.codec, video.width, video.height) == (found, WIDTH, HEIGHT)
    assert (video.frames, video.frame_rate) == (FRAMES, Fraction(30))
    assert video.keyframes[0] == 0
    # Matroska rounds to milliseconds; all else is exact.
    times = [pts * video.time_base for pts in video.pts]
    slack = Fraction(1, 2000) if video.time_base == Fraction(1, 1000) else 0
    assert all(abs(time - Fraction(n, 30)) <= slack for n, time in enumerate(times)), times
    color = video.color
    assert (color.space, color.transfer, color.primaries) == ("bt709", "bt709", "bt709")
    assert color.range == "tv"
    assert levels(path) == pytest.approx([20 + 15 * n for n in range(FRAMES)], abs=3)


def test_a_gif_has_exactly_its_frames_for_as_long_as_hundredths_of_a_second_allow(
    desk: Any,
) -> None:
    desk.page(RAMP)
    desk.render("-o", "v.gif")
    with Image.open(desk.folder / "v.gif") as gif:
        assert (gif.size, getattr(gif, "n_frames", 1)) == ((WIDTH, HEIGHT), FRAMES)
        lengths = []
        for frame in range(FRAMES):
            gif.seek(frame)
            lengths.append(gif.info["duration"])
    assert set(lengths) <= {30, 40}, lengths
    # The last frame's end is nowhere in the file's clock: its length is rounded by itself.
    assert abs(sum(lengths) - 400) <= 10
    assert levels(desk.folder / "v.gif") == pytest.approx(
        [20 + 15 * n for n in range(FRAMES)], abs=8
    )


@every_nth(3)
@pytest.mark.parametrize(
    ("flags", "folder", "pattern"),
    [
        (("-o", "frames"), "frames", "frame-{:06d}.png"),
        (("-o", "frames/%04d.png"), "frames", "{:04d}.png"),
        (("-o", "frames/shot-%04d.jpg"), "frames", "shot-{:04d}.jpg"),
        (("-o", "frames/100%-%03d of %d.png"), "frames", "100%-{0:03d} of {0:d}.png"),
        (("-o", "frames", "--video-codec", "jpeg"), "frames", "frame-{:06d}.jpeg"),
    ],
)
def test_images_are_numbered_from_the_start_frame_and_lie_in_their_folder_alone(
    desk: Any, flags: tuple[str, ...], folder: str, pattern: str
) -> None:
    desk.page(RAMP)
    desk.render(*flags, "--frame-count", 5, "--start-frame", 7)
    names = [pattern.format(number) for number in range(7, 12)]
    assert sorted(path.name for path in (desk.folder / folder).iterdir()) == names
    for number, name in enumerate(names, start=7):
        with Image.open(desk.folder / folder / name) as image:
            assert image.size == (WIDTH, HEIGHT)
            level = 20 + 15 * number
            assert image.convert("RGB").getpixel((80, 45)) == pytest.approx((level,) * 3, abs=2)


def test_images_that_were_there_before_stay(desk: Any) -> None:
    desk.page(RAMP)
    (desk.folder / "frames").mkdir()
    (desk.folder / "frames/notes.txt").write_text("mine")
    desk.render("-o", "frames", "--frame-count", 2)
    desk.render("-o", "frames", "--frame-count", 2, "--start-frame", 2)
    names = [f"frames/frame-{n:06d}.png" for n in range(4)]
    assert desk.names() == ["frames", *names, "frames/notes.txt", "page.html"]


@every_nth(2)
@pytest.mark.parametrize(
    ("name", "codec", "decoder"),
    [("v.webm", None, "libvpx-vp9"), ("v.mov", "prores", None), ("frames", None, None)],
)
def test_what_is_transparent_in_the_page_is_transparent_in_the_output(
    desk: Any, name: str, codec: str | None, decoder: str | None
) -> None:
    desk.page('<div style="width: 80px; height: 90px; background: rgb(240, 160, 16)"></div>')
    named = ("--video-codec", codec) if codec else ()
    desk.render("-o", name, "--transparent", "--frame-count", 3, *named)
    if name == "frames":
        shots = [Image.open(path) for path in sorted((desk.folder / name).iterdir())]
        pixels = np.array([np.array(shot.convert("RGBA")) for shot in shots]).astype(float)
    else:
        data = decode(desk.folder / name, "yuva444p", decoder=decoder)
        planes = np.frombuffer(data, np.uint8).astype(float).reshape(-1, 4, HEIGHT, WIDTH)
        pixels = np.moveaxis(planes, 1, 3)
    assert len(pixels) == 3
    for frame in pixels:
        assert frame[10:80, 100:150, 3].max() == 0
        assert frame[10:80, 10:60, 3].min() == 255
        *color, _ = frame[45, 40]
        rgb = color if name == "frames" else bt709(*color)
        assert rgb == pytest.approx((240, 160, 16), abs=3)


def test_without_being_asked_for_transparency_the_ground_is_white(desk: Any) -> None:
    desk.page("")
    desk.render("-o", "frames", "--frame-count", 1)
    with Image.open(desk.folder / "frames/frame-000000.png") as image:
        assert image.convert("RGBA").getpixel((80, 45)) == (255, 255, 255, 255)


def test_scale_multiplies_the_size_and_not_the_layout(desk: Any) -> None:
    desk.page(boxes(COLORS))
    desk.render("-o", "v.mp4", "--scale", 2, "--frame-count", 2)
    video = stream_of(desk.folder / "v.mp4")
    assert (video["width"], video["height"]) == (2 * WIDTH, 2 * HEIGHT)
    desk.run("still", "page.html", "-o", "s.png", "--width", 160, "--height", 90, "--scale", 2)
    with Image.open(desk.folder / "s.png") as image:
        assert image.size == (2 * WIDTH, 2 * HEIGHT)
        for number, color in enumerate(COLORS):
            x, y = box(number)
            assert image.convert("RGB").getpixel((2 * x, 2 * y)) == color


def test_decimals_that_stand_for_an_ntsc_rate_become_it(desk: Any) -> None:
    desk.page(RAMP)
    desk.render("-o", "v.mp4", "--fps", "29.97")
    video = stream_of(desk.folder / "v.mp4")
    assert (video["r_frame_rate"], video["avg_frame_rate"]) == ("30000/1001", "30000/1001")
    assert video["nb_frames"] == "12"


@every_nth(2)
@pytest.mark.parametrize(("name", "kind"), [("s.png", "PNG"), ("s.jpg", "JPEG")])
def test_a_still_shows_its_frame(desk: Any, name: str, kind: str) -> None:
    desk.page(RAMP)
    done = desk.run("still", "page.html", "-o", name, "--frame", 9, "--width", 160, "--height", 90)
    assert done.status == 0, done.stderr
    assert desk.names() == ["page.html", name]
    with Image.open(desk.folder / name) as image:
        assert (image.format, image.size) == (kind, (WIDTH, HEIGHT))
        assert image.convert("RGB").getpixel((80, 45)) == pytest.approx((155,) * 3, abs=1)


# --- frames that are like the one before


def steps(*frames: int) -> str:
    """A page that rests except at these frames; its brightness goes up by 40 at each."""
    calls = "".join(
        f"setTimeout(() => show({n}), {frame} * 1000 / 30);"
        for n, frame in enumerate(frames, start=1)
    )
    return f"""<script>
const show = (n) => {{
  document.body.style.background = `rgb(${{40 * n}}, ${{40 * n}}, ${{40 * n}})`;
}};
show(0);
{calls}
</script>"""


@pytest.mark.parametrize(
    ("count", "changes"), [(1, ()), (2, (1,)), (17, (5, 16)), (40, (5, 21, 39)), (40, ())]
)
@pytest.mark.parametrize("name", sampled(["v.mp4", "v.webm", "v.gif"], ["v.mp4"]))
def test_a_page_at_rest_has_all_its_frames_and_changes_exactly_where_it_does(
    desk: Any, name: str, count: int, changes: tuple[int, ...]
) -> None:
    if name != "v.mp4" and count not in (1, 40):
        pytest.skip("the file format makes no difference here")
    desk.page(steps(*changes))
    desk.render("-o", name, "--frame-count", count)
    path = desk.folder / name
    expected = [40 * sum(frame >= change for change in changes) for frame in range(count)]
    if name == "v.gif" and not changes:
        # A GIF may show one picture for the whole time.
        assert set(levels(path)) == {0}
    else:
        assert levels(path) == pytest.approx(expected, abs=4)
    if name == "v.mp4":
        assert stream_of(path)["nb_frames"] == str(count)
        video = asyncio.run(probe(path)).video
        assert video is not None
        assert [pts * video.time_base for pts in video.pts] == [
            Fraction(n, 30) for n in range(count)
        ]


def test_a_chunk_that_begins_and_ends_at_rest_has_all_its_frames(desk: Any) -> None:
    desk.page(steps(12))
    desk.render("-o", "v.mp4", "--start-frame", 5, "--frame-count", 33)
    assert levels(desk.folder / "v.mp4") == pytest.approx([0] * 7 + [40] * 26, abs=3)


def test_browsers_side_by_side_give_the_same_frames(desk: Any) -> None:
    desk.page(RAMP)
    desk.render("-o", "one.mp4")
    desk.render("-o", "two.mp4", "--concurrency", 2)
    assert (desk.folder / "one.mp4").read_bytes() == (desk.folder / "two.mp4").read_bytes()


@every_nth(4)
@pytest.mark.parametrize(
    ("name", "flags"),
    [("v.mp4", ()), ("v.webm", ()), ("v.mkv", ()), ("v.mov", ("--video-codec", "prores"))],
)
def test_the_same_chunk_rendered_twice_is_the_same_file(
    desk: Any, name: str, flags: tuple[str, ...]
) -> None:
    write_tone(desk.folder / "tone.wav", seconds=1)
    desk.page(RAMP + '<audio src="tone.wav" autoplay></audio>')
    found = []
    for _ in range(2):
        desk.render("-o", name, "--start-frame", 6, "--frame-count", 6, *flags)
        found.append((desk.folder / name).read_bytes())
    assert found[0] == found[1]


# --- sound


def write_tone(path: Path | io.BytesIO, *, seconds: float, hertz: float = 440) -> None:
    count = round(48000 * seconds)
    samples = [round(12000 * math.sin(2 * math.pi * hertz * n / 48000)) for n in range(count)]
    with wave.open(path if isinstance(path, io.BytesIO) else str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(struct.pack(f"<{count}h", *samples))


def loudness(path: Path) -> float:
    """Return the root mean square of the sound, 0 to 1."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-f", "f32le", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return float(np.sqrt(np.mean(np.frombuffer(data, "<f4") ** 2)))


@every_nth(2)
@pytest.mark.parametrize("seconds", [0.2, 3.0], ids=["shorter sound", "longer sound"])
@pytest.mark.parametrize("place", ["file", "data address"])
def test_sound_is_as_long_as_its_video(desk: Any, place: str, seconds: float) -> None:
    memory = io.BytesIO()
    write_tone(memory, seconds=seconds)
    source = f"data:audio/wav;base64,{base64.b64encode(memory.getvalue()).decode()}"
    if place == "file":
        (desk.folder / "a tone.wav").write_bytes(memory.getvalue())
        source = "a tone.wav"
    desk.page(RAMP + f'<audio src="{source}" autoplay></audio>')
    desk.render("-o", "v.mp4", "--frame-count", 30)
    media = asyncio.run(probe(desk.folder / "v.mp4"))
    assert media.video is not None
    assert media.audio is not None
    assert (media.audio.codec, media.audio.sample_rate) == ("aac", 48000)
    assert media.video.duration == 1
    assert abs(media.audio.duration - media.video.duration) <= Fraction(1024, 48000)
    assert loudness(desk.folder / "v.mp4") > 0.05


def test_sound_is_left_out_when_asked(desk: Any) -> None:
    write_tone(desk.folder / "tone.wav", seconds=1)
    desk.page(RAMP + '<audio src="tone.wav" autoplay></audio>')
    desk.render("-o", "v.mp4", "--no-audio")
    assert asyncio.run(probe(desk.folder / "v.mp4")).audio is None


def test_a_sound_codec_that_is_named_is_written_even_where_nothing_sounds(desk: Any) -> None:
    desk.page(RAMP)
    desk.render("-o", "v.mov", "--audio-codec", "pcm_s16le")
    media = asyncio.run(probe(desk.folder / "v.mov"))
    assert media.audio is not None
    assert media.audio.codec == "pcm_s16le"
    assert media.audio.duration == Fraction(12, 30)
    assert loudness(desk.folder / "v.mov") == 0


def test_webm_has_its_sound_in_opus(desk: Any) -> None:
    write_tone(desk.folder / "tone.wav", seconds=1)
    desk.page(RAMP + '<audio src="tone.wav" autoplay></audio>')
    desk.render("-o", "v.webm")
    media = asyncio.run(probe(desk.folder / "v.webm"))
    assert media.audio is not None
    assert media.audio.codec == "opus"
