"""Compares videos with frames that weren't compressed, by their peak signal-to-noise ratio.

The frames come from `helios render`, as PNG files. Systems differ in the matrix by which they make
YUV of RGB, and in whether they say so; each video is compared with frames in the matrix that fits
it better, so that the figure is the encoder's loss and not the matrix's.
"""

import re
import subprocess
from pathlib import Path

#: Matrices of HD and of older video.
_MATRICES = ("bt709", "bt601")
_NAMES = "frame-%06d.png"
_AVERAGE = re.compile(r"PSNR .*average:(\S+)")


def psnr(video: Path, frames: Path, *, rate: int = 30) -> float:
    """Return the ratio in dB over all planes and frames; infinite if nothing was lost.

    Args:
        frames: Folder of the PNG files of `helios render`.
        rate: Frames a second of both.
    """
    return max(_psnr(video, frames, rate, matrix) for matrix in _MATRICES)


def _psnr(video: Path, frames: Path, rate: int, matrix: str) -> float:
    # By their numbers, as the files' clocks differ.
    times = f"settb=1/{rate},setpts=N"
    graph = (
        f"[1:v]scale=out_color_matrix={matrix}:out_range=tv,format=yuv420p,{times}[exact];"
        f"[0:v]format=yuv420p,{times}[coded];[coded][exact]psnr"
    )
    command = [
        *("ffmpeg", "-hide_banner", "-nostdin", "-i", str(video)),
        *("-framerate", str(rate), "-i", str(frames / _NAMES)),
        *("-lavfi", graph, "-f", "null", "-"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(_AVERAGE.findall(done.stderr)[-1])
