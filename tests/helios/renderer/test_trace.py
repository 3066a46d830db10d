"""Renders that leave a trace: the times of their frames, and small pictures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from helios.records.chunk_trace import ChunkTrace

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HELIOS = str(Path(sys.executable).with_name("helios"))
#: A page whose picture changes with every frame.
MOVING = """<!doctype html><body style="margin:0;background:#123"><style>
@keyframes go { to { transform: translateX(300px) } }
i { position:absolute; width:20px; height:90px; background:#fff; animation:go 2s linear }
</style><i></i>"""


def rendered(folder: Path, *flags: str, trace: Path | None = None, name: str = "out.mp4") -> bytes:
    (folder / "page.html").write_text(MOVING)
    size = ("--width", "320", "--height", "180", "--no-audio")
    command = [HELIOS, "render", "page.html", "-o", name, *size, *flags]
    env = os.environ if trace is None else {**os.environ, "HELIOS_TRACE": str(trace)}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    return (folder / name).read_bytes()


def test_a_trace_covers_the_chunk_and_leaves_the_video_as_it_is(tmp_path: Path) -> None:
    # Where ffmpeg would take a % for a number.
    folder = tmp_path / "100%d.trace"
    chunk = ("--start-frame", "30", "--frame-count", "24")
    traced = rendered(tmp_path, *chunk, trace=folder)
    trace = ChunkTrace.read(folder, start=30)
    assert [(each.start, each.frames) for each in (trace.spans[0], trace.spans[-1])] == [
        (30, 2),
        (53, 1),
    ]
    assert sum(each.frames for each in trace.spans) == 24
    assert all(each.raster > 0 and each.script > 0 for each in trace.spans)
    assert set(trace.versions) == {"helios", "browser"}
    assert [each.frame for each in trace.pictures] == [30, 33, 36, 39, 42, 45, 48, 51]
    with Image.open(folder / "0.jpg") as picture:
        assert picture.size == (160, 90)
    # Another attempt finds the folder of the one before; a render without a trace is the same.
    assert rendered(tmp_path, *chunk, trace=folder) == traced
    assert rendered(tmp_path, *chunk) == traced


def test_a_sequence_of_images_has_no_trace(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(MOVING)
    flags = ("--width", "64", "--height", "36", "--frame-count", "2", "--video-codec", "png")
    env = {**os.environ, "HELIOS_TRACE": str(tmp_path / "trace")}
    command = [HELIOS, "render", "page.html", "-o", "images", *flags]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    assert len(list((tmp_path / "images").iterdir())) == 2
    assert not (tmp_path / "trace").exists()
