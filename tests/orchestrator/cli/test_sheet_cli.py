"""Contact sheets, and results that are opened, by the command line."""

import json
import stat
from pathlib import Path

import pytest
from PIL import Image

from orchestrator import sheet
from orchestrator.api.sheets.pictures import spread
from tests.orchestrator.conftest import Bench
from tests.sampling import every_nth

#: A page whose colour tells its frame: red rises by 20 a frame.
STEPS = """<!doctype html><html data-duration="0.4"><meta charset="utf-8"><style>
body { margin: 0; background: rgb(0, 60, 120); animation: go 0.4s steps(12, jump-none) both }
@keyframes go { to { background: rgb(220, 60, 120) } }
</style></html>"""


def launcher(folder: Path) -> tuple[dict[str, str], Path]:
    """Return variables with which results are opened by a script that notes them."""
    opened = folder / "opened"
    program = folder / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin"}, opened


@pytest.mark.parametrize(
    ("total", "count", "frames"),
    [
        (180, 4, (0, 60, 119, 179)),
        (3, 16, (0, 1, 2)),
        (1, 4, (0,)),
        (9, 1, (4,)),
        (2, 2, (0, 1)),
    ],
)
def test_frames_are_spread_from_the_first_to_the_last(
    total: int, count: int, frames: tuple[int, ...]
) -> None:
    assert spread(total, count) == frames


@pytest.mark.browser
@pytest.mark.slow
def test_a_sheet_shows_the_frames_of_a_composition_and_of_its_video_alike(bench: Bench) -> None:
    (bench.folder / "page.html").write_text(STEPS)
    size = ["--width", "320", "--height", "180"]
    made = bench.run("sheet", "page.html", "-o", "a.png", "--count", "3", *size, "--json")
    assert made.status == 0, made.stderr
    assert made.documents[-1] | {"output": ""} == {
        "event": "completed", "output": "", "frames": [0, 6, 11], "total": 12,
    }  # fmt: skip

    rendered = bench.run("render", "page.html", "-o", "v.mp4", *size)
    assert rendered.status == 0, rendered.stderr
    video = bench.run("sheet", "v.mp4", "-o", "b.png", "--count", "3")
    assert video.status == 0, video.stderr
    assert "b.png: 3 of 12 frames" in video.stderr

    reds = [_reds(bench.folder / name) for name in ("a.png", "b.png")]
    assert reds[0] == pytest.approx([0, 120, 220], abs=3)
    assert reds[1] == pytest.approx(reds[0], abs=6)


def _reds(path: Path) -> list[float]:
    """Return how red each picture of a sheet of three columns is, at its centre."""
    image = Image.open(path).convert("RGB")
    width = (image.width - 2 * 48 - 2 * 20) // 3
    pixels = [image.getpixel((48 + n * (width + 20) + width // 2, 48 + 84 + 60)) for n in range(3)]
    return [float(pixel[0]) for pixel in pixels if isinstance(pixel, tuple)]


@pytest.mark.browser
@pytest.mark.slow
def test_a_sheet_is_opened_and_one_without_labels_is_lower(bench: Bench) -> None:
    (bench.folder / "page.html").write_text(STEPS)
    env, opened = launcher(bench.folder)
    words = ["sheet", "page.html", "--count", "2", "--width", "320", "--height", "180"]
    made = bench.run(*words, "-o", "with.png", "--open", env=env)
    assert made.status == 0, made.stderr
    assert opened.read_text() == "with.png\n"

    bare = sheet(
        bench.folder / "page.html",
        bench.folder / "bare.png",
        count=2,
        labels=False,
        theme="light",
        size=(320, 180),
    )
    assert bare.frames == (0, 11)
    images = [Image.open(bench.folder / name) for name in ("with.png", "bare.png")]
    assert images[0].height - images[1].height == 38
    assert images[0].convert("RGB").getpixel((5, 5)) == (16, 18, 21)
    assert images[1].convert("RGB").getpixel((5, 5)) == (245, 246, 248)


@pytest.mark.slow
@every_nth(3)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["page.html", "-o", "a.mp4"], "a still is a .png"),
        (["page.html", "-o", "a.png", "--count", "0"], "--count 0: must be 1 to 400"),
        (["page.html", "-o", "a.png", "--columns", "99"], "--columns 99: must be 1 to 40"),
        (["page.html", "-o", "a.png", "--theme", "blue"], "--theme 'blue': must be dark or light"),
        (["v.mp4", "-o", "a.png", "--props", '{"a": 1}'], "--props: doesn't go with a video"),
        (["v.mp4", "-o", "a.png"], "v.mp4 is missing or not a media file"),
        (["none.html", "-o", "a.png"], "none.html: no such composition"),
        (["page.html", "-o", "s3://bucket/a.png", "--open"], "--open: output s3://bucket/a.png"),
    ],
)
def test_a_sheet_that_cannot_be_made_is_refused(
    bench: Bench, words: list[str], message: str
) -> None:
    ended = bench.run("sheet", *words)
    assert ended.status == 2
    assert message in ended.stderr
    assert not (bench.folder / "a.png").exists()


@pytest.mark.slow
def test_what_is_not_on_this_machine_is_not_opened(bench: Bench) -> None:
    detached = bench.run("render", "page.html", "-o", "v.mp4", "--detach", "--open")
    assert detached.status == 2
    assert "--open: doesn't go with --detach" in detached.stderr


@pytest.mark.browser
@pytest.mark.slow
def test_a_still_is_opened_and_a_missing_program_is_told(bench: Bench) -> None:
    env, opened = launcher(bench.folder)
    words = ["still", "page.html", "-o", "s.png", "--width", "64", "--height", "64", "--open"]
    made = bench.run(*words, "--at", "0.3s", env=env)
    assert made.status == 0, made.stderr
    assert opened.read_text() == "s.png\n"

    (bench.folder / "bin" / "xdg-open").write_text("#!/bin/sh\nexit 3\n")
    silent = bench.run(*words, "--json", env={**env, "BROWSER": "false"})
    assert silent.status == 0, silent.stderr
    events = [json.loads(line)["event"] for line in silent.stdout.splitlines()]
    assert "completed" in events
