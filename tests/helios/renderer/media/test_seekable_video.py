"""Which videos are copied so that seeking is fast, and what the copies are."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from helios.errors import DiskFull
from helios.renderer.media import seekable_video
from helios.renderer.media.frame_times import read_frame_times
from helios.renderer.media.packets import Packet
from helios.renderer.media.seekable_video import (
    SeekableCopies,
    is_slow_to_seek,
    mean_distance,
    seekable,
)

#: A video with sound, whose colours are named, and one keyframe.
LONG_GROUP = [
    *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=2"),
    *("-f", "lavfi", "-i", "sine=duration=2"),
    *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_range", "tv"),
    *("-c:a", "aac"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def packets(frames: int, interval: int) -> list[Packet]:
    return [Packet(n / 30, n / 30, n % interval == 0) for n in range(frames)]


@pytest.mark.parametrize(
    ("frames", "interval", "distance"),
    [(0, 1, 0), (1, 1, 0), (150, 250, 74.5), (8, 2, 0.5), (9, 4, 12 / 9)],
)
def test_the_distance_to_a_keyframe_is_that_of_frames_on_average(
    frames: int, interval: int, distance: float
) -> None:
    assert mean_distance(packet.is_key for packet in packets(frames, interval)) == distance


def test_a_stream_may_begin_between_keyframes() -> None:
    assert mean_distance([False, False, True]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("length", "interval", "frames", "is_slow"),
    [
        (150, 250, 150, True),
        (450, 60, 100, True),
        (450, 24, 100, False),  # the keyframes are close
        (20, 250, 100, False),  # so is the end
        (150, 250, 5, False),  # few frames are drawn
        (5000, 250, 100, False),  # copying would take longer
    ],
)
def test_a_video_is_copied_where_drawing_frames_from_it_takes_longer(
    length: int, interval: int, frames: int, is_slow: bool
) -> None:
    assert is_slow_to_seek(packets(length, interval), frames=frames) == is_slow


def write(path: Path, *options: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", *LONG_GROUP, *options, str(path)], check=True)
    return path


def output_of(*words: object) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    return done.stdout


def pictures(path: Path) -> list[str]:
    rows = output_of("ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-f", "framemd5", "-")
    return [row.rsplit(",", 1)[-1] for row in rows.splitlines() if row[0] != "#"]


def described(path: Path) -> str:
    entries = (
        "stream=codec_name,width,height,pix_fmt,color_space,color_range,duration:format=duration"
    )
    return output_of("ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv", path)


def copy_of(path: Path, *, frames: int = 100) -> Path:
    asyncio.run(SeekableCopies(frames).add(path))
    return seekable(path)


@pytest.mark.slow
@pytest.mark.parametrize("frames", ["0", "3"], ids=["without B-frames", "with B-frames"])
def test_a_copy_has_the_same_pixels_times_and_sound(tmp_path: Path, frames: str) -> None:
    original = write(tmp_path / "long.mp4", "-bf", frames)

    copy = copy_of(original)

    assert copy != original
    stamps = [asyncio.run(read_frame_times(path)).stamps for path in (original, copy)]
    assert stamps[0] == stamps[1]
    assert pictures(copy) == pictures(original)
    assert described(copy) == described(original)
    keys = output_of(
        *("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=flags"),
        *("-of", "csv=p=0", copy),
    )
    assert [row[0] for row in keys.split()] == ["K", "_"] * 30


@pytest.mark.parametrize(
    "options",
    [
        ("-g", "12"),
        ("-pix_fmt", "yuv444p"),
        ("-c:v", "mpeg4"),
        ("-flags", "+ildct", "-field_order", "tt"),
        ("-vf", "setpts=PTS+1/TB"),
    ],
    ids=["many keyframes", "another format", "another codec", "interlaced", "a later begin"],
)
def test_a_video_that_a_copy_would_not_help_or_not_equal_stays(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    original = write(tmp_path / "long.mp4", *options)
    assert copy_of(original) == original


def test_a_probe_and_a_still_copy_nothing(tmp_path: Path, cache: Path) -> None:
    original = write(tmp_path / "long.mp4")
    assert copy_of(original, frames=0) == original
    assert copy_of(original, frames=1) == original
    assert list(cache.rglob("*.mp4")) == []


def test_videos_of_a_render_are_copied_up_to_a_number_of_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seekable_video, "MOST_PIXELS", 60 * 64 * 48 * 1.5)
    videos = [write(tmp_path / f"{number}.mp4") for number in range(2)]

    async def add() -> None:
        copies = SeekableCopies(100)
        for video in videos:
            await copies.add(video)

    asyncio.run(add())
    assert [seekable(video) == video for video in videos] == [False, True]


def test_a_video_is_played_as_it_is_where_there_is_little_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write(tmp_path / "long.mp4")
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert copy_of(original) == original
    monkeypatch.undo()
    monkeypatch.setattr(seekable_video, "_available_memory", lambda: 1 << 20)
    assert copy_of(original) == original


@pytest.mark.parametrize("fault", [DiskFull("full"), OSError("read only")], ids=repr)
def test_a_video_is_played_as_it_is_where_copying_fails(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    original = write(tmp_path / "long.mp4")

    async def fail(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("helios.renderer.media.conversion_cache.run_ffmpeg", fail)
    assert copy_of(original) == original
    assert list(cache.rglob("*.mp4")) == []


def test_a_file_that_is_no_video_stays(tmp_path: Path) -> None:
    path = tmp_path / "no.mp4"
    path.write_bytes(b"no video")
    assert copy_of(path) == path
    assert copy_of(tmp_path / "missing.mp4") == tmp_path / "missing.mp4"
