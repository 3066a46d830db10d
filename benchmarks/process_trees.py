"""Measures the processor time of whole renders, with all processes of a command.

    .venv/bin/python -m benchmarks.process_trees --rounds 5

Commands are `orchestrator render` and Remotion's `render`, with default flags, and `helios render`,
one process with one browser and one encoder, which is the minimum. Processor time depends less on
other load than elapsed time.
"""

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import HERE, REMOTION, SCENES, call, check_frames

COMMANDS = HERE.parent / ".venv" / "bin"
#: Time limit of a render in seconds.
TIMEOUT = 600.0
#: PR_SET_CHILD_SUBREAPER of prctl(2).
_SUBREAPER = 36
#: Creates the video of the scene with this name.
_CLIP = [
    *("ffmpeg", "-loglevel", "error", "-f", "lavfi"),
    *("-i", "testsrc2=size=1280x720:rate=30:duration=5", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
]
_RENDERS = ("orchestrator render", "helios render", "remotion render")


@dataclass(frozen=True)
class Scene:
    """A page of `benchmarks/scenes`, and whether it is drawn with Remotion, too."""

    name: str
    frames: int
    width: int = 1920
    height: int = 1080
    in_remotion: bool = False


SCENES_BY_NAME = {
    scene.name: scene
    for scene in (
        Scene("tiny", 30, 640, 360),
        Scene("gradient", 150, in_remotion=True),
        Scene("ball", 150, in_remotion=True),
        Scene("deck", 600, in_remotion=True),
        Scene("video", 150),
    )
}


@dataclass(frozen=True)
class Used:
    """Processor seconds of all processes of a command, and elapsed seconds."""

    cpu: float
    wall: float


def measure(words: Sequence[str], *, folder: Path | None = None) -> Used:
    """Run a command; return the time of its processes.

    Processes that outlive their parents become children of this one, which waits for them.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = _children_seconds()
    began = time.perf_counter()
    call(words, folder=folder, timeout=TIMEOUT)
    wall = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return Used(_children_seconds() - before, wall)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command_of(render: str, scene: Scene, page: Path, output: Path) -> list[str] | None:
    """Return the command for rendering a page; None if the page can't be rendered by it."""
    size = [*("--width", str(scene.width)), *("--height", str(scene.height))]
    if render == "orchestrator render":
        words = [str(COMMANDS / "orchestrator"), "render", str(page), "-o", str(output)]
        return [*words, "--frames", str(scene.frames), *size]
    if render == "helios render":
        words = [str(COMMANDS / "helios"), "render", str(page), "-o", str(output)]
        return [*words, "--frame-count", str(scene.frames), *size, "--no-audio"]
    program = REMOTION / "node_modules" / ".bin" / "remotion"
    if not scene.in_remotion or not program.exists():
        return None
    browser = f"--browser-executable={shutil.which('chromium-headless-shell')}"
    return [str(program), "render", "src/index.js", scene.name, str(output), browser]


def run(
    *, rounds: int = 5, scenes: Sequence[str] = tuple(SCENES_BY_NAME), report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure every scene in interleaved rounds; return a row for each scene and command."""
    samples: dict[tuple[str, str], list[Used]] = {}
    with tempfile.TemporaryDirectory(prefix="helios-trees-") as folder:
        pages = Path(folder, "scenes")
        shutil.copytree(SCENES, pages)
        call([*_CLIP, str(pages / "video/clip.mp4")])
        for number in range(rounds):
            for scene in map(SCENES_BY_NAME.__getitem__, scenes):
                for render in sorted(_RENDERS, reverse=number % 2 == 1):
                    output = Path(folder, f"{number}-{render.split()[0]}-{scene.name}.mp4")
                    words = command_of(render, scene, pages / scene.name, output)
                    if words is None:
                        continue
                    used = measure(words, folder=REMOTION)
                    check_frames(output, scene.frames)
                    samples.setdefault((scene.name, render), []).append(used)
                    report(f"{number + 1}/{rounds} {scene.name} {render} {used.cpu:.2f} CPU s")
    return [_row(scene, render, taken) for (scene, render), taken in samples.items()]


def _row(scene: str, render: str, taken: Sequence[Used]) -> dict[str, Any]:
    cpu = [used.cpu for used in taken]
    return {
        "scene": scene,
        "render": render,
        "frames": SCENES_BY_NAME[scene].frames,
        "cpuSeconds": round(statistics.median(cpu), 2),
        "cpuSpread": [round(min(cpu), 2), round(max(cpu), 2)],
        "seconds": round(statistics.median(used.wall for used in taken), 2),
    }


def main() -> None:
    """Print the rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scene", action="append", choices=list(SCENES_BY_NAME))
    options = parser.parse_args()

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    rows = run(rounds=options.rounds, scenes=options.scene or list(SCENES_BY_NAME), report=report)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
