"""Every example renders through the public command, and its video is what a player expects."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.cases.libraries import require_lottie_player
from tests.sampling import sampled

_FOLDER = Path(__file__).parents[1] / "examples"
#: Folders of pages, and files that are rendered without one.
EXAMPLES = sorted(
    [*(path.parent for path in _FOLDER.glob("*/index.html")), *_FOLDER.glob("lottie/*.json")]
)
COMMANDS = Path(sys.executable).parent
#: Frames of the short render, and of its first chunk.
FRAMES = 10
FIRST = 5


def each(examples: list[Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=lambda path: path.name)


def folder_of(example: Path) -> Path:
    return example if example.is_dir() else example.parent


def require_player(example: Path) -> None:
    if example.suffix == ".json":
        require_lottie_player()


def output_of(command: str, *arguments: object) -> str:
    program = COMMANDS / command
    words = [str(program if program.exists() else command), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@each(EXAMPLES)
def test_an_example_says_in_a_line_what_it_is(example: Path) -> None:
    folder = folder_of(example)
    title, blank, line, *_ = (folder / "README.md").read_text().splitlines()
    assert title == f"# {folder.name}"
    assert blank == ""
    assert 20 <= len(line) <= 200
    assert line.endswith(".")


@pytest.mark.browser
@each(sampled(EXAMPLES, EXAMPLES[:3]))
def test_an_example_declares_how_long_it_is(example: Path) -> None:
    require_player(example)
    facts = json.loads(output_of("helios", "inspect", example))
    assert facts["durationSource"] == "declared"
    assert 1 <= facts["duration"] <= 120
    assert f"{facts['duration']:g} s." in (folder_of(example) / "README.md").read_text()


@pytest.mark.browser
@each(sampled(EXAMPLES, EXAMPLES[:2]))
def test_an_example_becomes_a_video_that_players_expect(example: Path, tmp_path: Path) -> None:
    require_player(example)
    video = tmp_path / "video.mp4"
    size = ("--width", 480, "--height", 270)
    output_of(
        *("orchestrator", "render", example, "-o", video, *size),
        *("--frames", FRAMES, "--frames-per-chunk", FIRST),
    )
    entries = "stream:frame=key_frame,pts,pict_type"
    fields = ("-show_entries", entries, "-show_frames", "-select_streams", "v", "-of", "json")
    found: dict[str, Any] = json.loads(output_of("ffprobe", "-v", "error", *fields, video))
    [stream] = found["streams"]
    frames = found["frames"]

    assert len(frames) == FRAMES == int(stream["nb_frames"])
    assert stream["r_frame_rate"] == stream["avg_frame_rate"] == "30/1"
    assert len({after["pts"] - before["pts"] for before, after in pairwise(frames)}) == 1
    assert (stream["width"], stream["height"], stream["pix_fmt"]) == (480, 270, "yuv420p")
    assert {stream[f"color_{name}"] for name in ("space", "primaries", "transfer")} == {"bt709"}
    assert stream["color_range"] == "tv"
    assert frames[0]["key_frame"] == frames[FIRST]["key_frame"] == 1
