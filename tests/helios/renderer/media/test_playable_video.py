"""Videos that the browser can't play, converted to some that it can."""

import asyncio
from pathlib import Path

import pytest

from helios.errors import MediaUnsupported
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
def test_what_the_browser_plays_stays(tmp_path: Path, name: str) -> None:
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
