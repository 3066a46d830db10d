"""Videos that the browser can't play, converted to some that it can."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from helios.errors import MediaUnsupported
from helios.renderer.media import playable_video
from helios.renderer.media.frame_times import read_frame_times
from helios.renderer.media.playable_video import convert_mentioned, playable
from tests.helios.renderer.numbered_clips import CLIPS

CLIP = {clip.name: clip for clip in CLIPS}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["24-hevc.mp4", "30-prores.mov", "bursts-b-frames.mp4"])
def test_a_conversion_has_the_same_frames_at_the_same_times(tmp_path: Path, name: str) -> None:
    CLIP[name].write(tmp_path)
    converted = asyncio.run(playable(tmp_path / name))
    assert converted != tmp_path / name
    found = [asyncio.run(read_frame_times(path)) for path in (tmp_path / name, converted)]
    assert found[0].stamps == found[1].stamps
    assert found[1].codec == "h264"


@pytest.mark.parametrize("name", ["24.mp4", "uneven.mp4", "30-vp9.webm", "late.mp4"])
def test_what_the_browser_plays_and_seeks_in_quickly_stays(tmp_path: Path, name: str) -> None:
    CLIP[name].write(tmp_path)
    assert asyncio.run(playable(tmp_path / name)) == tmp_path / name


def test_the_same_content_is_converted_once(tmp_path: Path, cache: Path) -> None:
    CLIP["24-hevc.mp4"].write(tmp_path)
    original = tmp_path / "24-hevc.mp4"
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(original.read_bytes())
    first = asyncio.run(playable(original))
    written = first.stat().st_ino
    assert asyncio.run(playable(copy)) == first
    assert first.stat().st_ino == written
    assert len(list(cache.rglob("*.mp4"))) == 1


def test_videos_that_pages_mention_are_converted_and_others_are_left(
    tmp_path: Path, cache: Path
) -> None:
    root = tmp_path / "composition"
    root.mkdir()
    CLIP["24-hevc.mp4"].write(root)
    (root / "24-hevc.mp4").rename(root / "one two.mp4")
    (root / "other.mov").write_bytes((root / "one two.mp4").read_bytes() + b"\0" * 64)
    (root / "index.html").write_text("<video src='one%20two.mp4'></video>")
    asyncio.run(convert_mentioned(root))
    assert len(list(cache.rglob("*.mp4"))) == 1


def test_what_cannot_be_converted_is_refused_with_the_command(tmp_path: Path) -> None:
    CLIP["24-hevc.mp4"].write(tmp_path)
    original = tmp_path / "24-hevc.mp4"
    original.write_bytes(original.read_bytes().replace(b"hev1", b"none"))
    (tmp_path / "index.html").write_text("<video src=24-hevc.mp4></video>")
    with pytest.raises(MediaUnsupported, match=r"24-hevc\.mp4: the browser can't play") as refusal:
        asyncio.run(convert_mentioned(tmp_path))
    assert "ffmpeg -i" in (refusal.value.hint or "")
    asyncio.run(convert_mentioned(tmp_path, allow_failure=True))


#: A video with sound, whose colours are named, and one keyframe.
LONG_GROUP = [
    *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=2"),
    *("-f", "lavfi", "-i", "sine=duration=2"),
    *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_range", "tv"),
    *("-c:a", "aac"),
]


def write(path: Path, *options: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", *LONG_GROUP, *options, str(path)], check=True)
    return path


def output_of(*words: object) -> str:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout


def pictures(path: Path) -> str:
    return output_of("ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-f", "framemd5", "-")


def described(path: Path) -> str:
    entries = "stream=codec_name,width,height,pix_fmt,color_space,color_range,duration"
    return output_of("ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv", path)


@pytest.mark.slow
def test_a_copy_for_seeking_has_the_same_pixels_times_and_sound(tmp_path: Path) -> None:
    original = write(tmp_path / "long.mp4")

    copy = asyncio.run(playable(original))

    assert copy != original
    stamps = [asyncio.run(read_frame_times(path)).stamps for path in (original, copy)]
    assert stamps[0] == stamps[1]
    digests = [
        [row.rsplit(",", 1)[-1] for row in pictures(path).splitlines() if row[0] != "#"]
        for path in (original, copy)
    ]
    assert digests[0] == digests[1]
    assert described(copy) == described(original)
    keys = output_of(
        *("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=flags"),
        *("-of", "csv=p=0", copy),
    )
    assert [row[0] for row in keys.split()] == (["K", "_", "_", "_"] * 15)


@pytest.mark.parametrize(
    "options",
    [("-g", "12"), ("-pix_fmt", "yuv444p"), ("-flags", "+ildct", "-field_order", "tt")],
    ids=["with many keyframes", "of another pixel format", "interlaced"],
)
def test_a_video_that_a_copy_would_not_help_or_not_equal_stays(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    original = write(tmp_path / "long.mp4", *options)
    assert asyncio.run(playable(original)) == original


def test_a_video_is_played_as_it_is_where_the_disk_is_too_full_for_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write(tmp_path / "long.mp4")
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert asyncio.run(playable(original)) == original


def test_a_video_is_played_as_it_is_where_copying_fails(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write(tmp_path / "long.mp4")
    monkeypatch.setattr(playable_video, "seekable_command", lambda *_: ["-i", "missing.mp4"])
    assert asyncio.run(playable(original)) == original
    assert list(cache.rglob("*.mp4")) == []
