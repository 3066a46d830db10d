"""Videos are compared with uncompressed frames in the colours that they were encoded with."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.picture_quality import psnr


def ffmpeg(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", *map(str, words)], check=True)


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
def test_a_video_is_closer_to_its_frames_the_less_its_encoder_lost(
    tmp_path: Path, matrix: str
) -> None:
    source = "testsrc2=size=64x48:rate=30:duration=0.1,format=gbrp"
    ffmpeg("-f", "lavfi", "-i", source, "-start_number", "0", tmp_path / "frame-%06d.png")
    ratios = []
    for quality in ("0", "20", "40"):
        video = tmp_path / f"{quality}.mp4"
        colours = f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p"
        encoder = ["-c:v", "libx264", "-qp", quality]
        ffmpeg("-f", "lavfi", "-i", source, "-vf", colours, *encoder, video)
        ratios.append(psnr(video, tmp_path))
    assert ratios[0] == float("inf")
    assert 100 > ratios[1] > ratios[2] + 5 > 5
