"""What looks wrong in a finished video."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from orchestrator.delivery.picture_check import picture_warnings


def make_video(path: Path, source: str) -> Path:
    subprocess.run(
        [
            *("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", source),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", path),
        ],
        check=True,
    )
    return path


def codes(video: Path, *, moves: bool) -> list[str]:
    found = asyncio.run(picture_warnings(video, 30, moves=moves))
    return [warning.code for warning in found]


@pytest.mark.parametrize("moves", [True, False])
def test_a_video_of_one_colour_is_blank(tmp_path: Path, moves: bool) -> None:
    video = make_video(tmp_path / "v.mp4", "color=0x336699:s=320x180:d=1:r=30")
    assert codes(video, moves=moves) == ["PICTURE_BLANK"]


def test_a_video_of_one_picture_is_still_if_the_composition_moves(tmp_path: Path) -> None:
    still = "testsrc2=s=320x180:d=1:r=30,select='eq(n,0)',loop=29:1,setpts=N/30/TB"
    video = make_video(tmp_path / "v.mp4", still)
    assert codes(video, moves=True) == ["PICTURE_STILL"]
    assert codes(video, moves=False) == []


@pytest.mark.parametrize(
    "source",
    [
        "testsrc2=s=320x180:d=1:r=30",
        "color=black:s=320x180:d=1:r=30,fade=in:st=0.8:d=0.2:c=white",
        "color=black:s=1920x1080:d=1:r=30[a];color=white:s=40x40:d=1:r=30[b];[a][b]overlay=n*20:500",
    ],
    ids=["moving", "changing colour at the end", "a small box"],
)
def test_a_video_that_changes_is_fine(tmp_path: Path, source: str) -> None:
    assert codes(make_video(tmp_path / "v.mp4", source), moves=True) == []


def test_what_is_no_video_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("none")
    assert codes(tmp_path / "v.mp4", moves=True) == []
